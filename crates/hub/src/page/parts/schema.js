// JSON Schema as forms read it: references followed, `null` branches left out, and what is wrong with a value.

/** A schema with its references followed and its optional wrapping taken off. */
export function plain(schema, root) {
  let found = schema ?? {};
  for (let hops = 0; hops < 16; hops++) {
    const { $ref, allOf, anyOf, oneOf, ...rest } = found;
    const only = (list) => list?.filter((one) => one.type !== "null");
    if ($ref) found = { ...lookUp($ref, root), ...rest };
    else if (allOf?.length === 1) found = { ...allOf[0], ...rest };
    else if (only(anyOf)?.length === 1) found = { ...only(anyOf)[0], ...rest, ...(oneOf && { oneOf }) };
    else if (only(oneOf)?.length === 1 && oneOf.length > 1) found = { ...only(oneOf)[0], ...rest };
    else break;
  }
  if (Array.isArray(found.type)) {
    const types = found.type.filter((type) => type !== "null");
    // Numbers that may also come as text are numbers to a person.
    found = { ...found, type: types.find((type) => type === "integer" || type === "number") ?? types[0] };
  }
  return found;
}

function lookUp(reference, root) {
  return (
    reference
      .replace(/^#\//, "")
      .split("/")
      .reduce((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], root) ?? {}
  );
}

/** The values that may be chosen, `[{value, title}]`; null where anything may be written. */
export function choices(schema) {
  if (schema.enum) return schema.enum.filter((value) => value !== null).map((value) => ({ value, title: String(value) }));
  const constants = schema.oneOf?.filter((one) => "const" in one || one.enum?.length === 1);
  if (constants?.length && constants.length === schema.oneOf.length) {
    return constants.map((one) => ({
      value: one.const ?? one.enum[0],
      title: one.title ?? String(one.const ?? one.enum[0]),
      description: one.description,
    }));
  }
  return null;
}

/** Whether a field is asked for, by the values of its siblings: `x-when` is `{sibling: [values]}`. */
export function asked(schema, siblings, properties, root) {
  return Object.entries(schema["x-when"] ?? {}).every(([name, values]) =>
    values.includes(given(siblings[name]) ? siblings[name] : plain(properties[name], root).default),
  );
}

export const given = (value) => value !== undefined && value !== null && value !== "";

/** What a field takes, in words: bounds and default. */
export function hint(schema) {
  const { minimum, maximum, minLength, description } = schema;
  const bounds =
    minimum !== undefined && maximum !== undefined
      ? `${minimum} to ${maximum}`
      : minimum !== undefined
        ? `at least ${minimum}`
        : maximum !== undefined
          ? `at most ${maximum}`
          : minLength > 1
            ? `at least ${minLength} characters`
            : "";
  const usual = given(schema.default) && typeof schema.default !== "object" ? `default ${schema.default}` : "";
  return [description, [bounds, usual].filter(Boolean).join("; ")].filter(Boolean).join(" ");
}

/** What is wrong with the fields of an object: by JSON pointer, what was found and what is needed. */
export function faults(schema, value, root, pointer = "") {
  const found = new Map();
  const { properties = {}, required = [] } = plain(schema, root);
  for (const [name, raw] of Object.entries(properties)) {
    const field = plain(raw, root);
    if (!asked(field, value, properties, root)) continue;
    const at = `${pointer}/${name}`;
    const fault = faultOf(field, value[name], required.includes(name) || field["x-required"]);
    if (fault) found.set(at, fault);
    if (field.type === "object" && value[name]) faults(field, value[name], root, at).forEach((text, key) => found.set(key, text));
    if (field.type === "array" && plain(field.items, root).type === "object") {
      (value[name] ?? []).forEach((item, i) => faults(field.items, item, root, `${at}/${i}`).forEach((text, key) => found.set(key, text)));
    }
  }
  return found;
}

/** Values as their schema has them: what was typed for a number is one, unless text is taken for it too. */
export function typed(schema, value, root) {
  const field = plain(schema, root);
  if (field.type === "object" && value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, field.properties?.[name] ? typed(field.properties[name], one, root) : one]));
  if (field.type === "array" && Array.isArray(value)) return value.map((item) => typed(field.items, item, root));
  const isNumber = (field.type === "number" || field.type === "integer") && !takesText(schema, root);
  return isNumber && typeof value === "string" && given(value) ? Number(value) : value;
}

function takesText(schema, root) {
  const { $ref, type, anyOf = [], oneOf = [] } = schema ?? {};
  return [type].flat().includes("string") || ($ref ? takesText(lookUp($ref, root), root) : [...anyOf, ...oneOf].some((one) => takesText(one, root)));
}

function faultOf(field, value, required) {
  if (!given(value)) return required && !given(field.default) && !field.writeOnly ? "This is needed." : null;
  if (field.type === "integer" || field.type === "number") {
    const number = Number(value);
    if (Number.isNaN(number)) return `“${value}” is not a number.`;
    if (field.type === "integer" && !Number.isInteger(number)) return `${value} is not a whole number.`;
    if (number < field.minimum || number > field.maximum)
      return `${value}; ${hint({ minimum: field.minimum, maximum: field.maximum })} is needed.`;
  }
  if (field.type === "string" && typeof value === "string") {
    if (field.minLength && value.length < field.minLength) return `${value.length} characters; at least ${field.minLength} are needed.`;
    if (field.pattern && !new RegExp(field.pattern).test(value)) return `“${value}” is not of the form that is needed.`;
  }
  if (field.type === "array" && field.minItems && value.length < field.minItems) return `At least ${field.minItems} is needed.`;
  return null;
}
