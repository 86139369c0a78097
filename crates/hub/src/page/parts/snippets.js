// What makes an exporter send its flows here, by vendor. Each follows the vendor's own document named beside it.

const PORT = 2055;

export const SNIPPETS = [
  {
    name: "Cisco IOS",
    source: "Cisco, “Flexible NetFlow Configuration Guide”",
    text: (hub) =>
      `flow exporter GRAFOLEAN\n destination ${hub}\n transport udp ${PORT}\n export-protocol netflow-v9\n template data timeout 60\nflow monitor GRAFOLEAN-IN\n exporter GRAFOLEAN\n record netflow ipv4 original-input\n cache timeout active 60\ninterface GigabitEthernet0/0/0\n ip flow monitor GRAFOLEAN-IN input`,
  },
  {
    name: "Juniper",
    source: "Juniper, “Inline Active Flow Monitoring”",
    text: (hub) =>
      `set services flow-monitoring version9 template grafolean ipv4-template\nset services flow-monitoring version9 template grafolean flow-active-timeout 60\nset forwarding-options sampling instance grafolean input rate 1000\nset forwarding-options sampling instance grafolean family inet output flow-server ${hub} port ${PORT} version9 template grafolean\nset forwarding-options sampling instance grafolean family inet output inline-jflow source-address 192.0.2.1\nset interfaces ge-0/0/0 unit 0 family inet sampling input`,
  },
  {
    name: "MikroTik",
    source: "MikroTik, RouterOS documentation, “Traffic Flow”",
    text: (hub) =>
      `/ip traffic-flow set enabled=yes active-flow-timeout=1m interfaces=all\n/ip traffic-flow target add dst-address=${hub} port=${PORT} version=9`,
  },
  {
    name: "FortiGate",
    source: "Fortinet, FortiOS administration guide, “NetFlow”",
    text: (hub) =>
      `config system netflow\n    set active-flow-timeout 60\n    config collectors\n        edit 1\n            set collector-ip "${hub}"\n            set collector-port ${PORT}\n        next\n    end\nend\nconfig system interface\n    edit "port1"\n        set netflow-sampler both\n    next\nend`,
  },
  { name: "softflowd", source: "softflowd(8)", text: (hub) => `softflowd -i eth0 -v 9 -t maxlife=60 -n ${hub}:${PORT}` },
];
