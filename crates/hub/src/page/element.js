// Makes DOM elements. Text always goes in as text, never as markup: names come from outside.

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") made.className = value;
    else if (name.startsWith("aria-") || name.startsWith("data-")) made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Touches the DOM only when the text differs: a list of a thousand rows is looked at every second.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
