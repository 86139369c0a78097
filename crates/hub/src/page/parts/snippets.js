// What makes an exporter send its flows here, by vendor. Each follows the vendor's own document named beside it, with what that
// says of its limits; `{hub}` and `{port}` are put in by the page, and `{device}` where an exporter has to be told its own address.

export const PORT = 2055;

export const SNIPPETS = [
  {
    name: "Cisco IOS",
    source: "Cisco IOS Flexible NetFlow Command Reference",
    note: "An active flow is told of after 1,800 s unless the cache says otherwise: 60 s here.",
    url: "https://www.cisco.com/c/en/us/td/docs/ios/fnetflow/command/reference/fnf_book/fnf_01.html",
    text: `flow exporter GRAFOLEAN
 destination {hub}
 transport udp {port}
 template data timeout 60
flow monitor GRAFOLEAN-IN
 exporter GRAFOLEAN
 record netflow ipv4 original-input
 cache timeout active 60
interface GigabitEthernet0/0/0
 ip flow monitor GRAFOLEAN-IN input`,
  },
  {
    name: "Juniper",
    source: "Junos OS, “Configuring Inline Active Flow Monitoring Using Routers, Switches or NFX250”",
    note: "A rate of 1000 samples one packet in 1000, which is counted in; inline-jflow takes an address of the router itself.",
    url: "https://www.juniper.net/documentation/us/en/software/junos/flow-monitoring/topics/example/inline-sampling-configuring.html",
    text: `set services flow-monitoring version9 template GRAFOLEAN ipv4-template
set services flow-monitoring version9 template GRAFOLEAN flow-active-timeout 60
set services flow-monitoring version9 template GRAFOLEAN template-refresh-rate seconds 60
set forwarding-options sampling instance GRAFOLEAN input rate 1000
set forwarding-options sampling instance GRAFOLEAN family inet output flow-server {hub} port {port}
set forwarding-options sampling instance GRAFOLEAN family inet output flow-server {hub} version9 template GRAFOLEAN
set forwarding-options sampling instance GRAFOLEAN family inet output inline-jflow source-address {device}
set chassis fpc 0 sampling-instance GRAFOLEAN
set interfaces ge-0/0/0 unit 0 family inet sampling input`,
  },
  {
    name: "MikroTik",
    source: "MikroTik RouterOS documentation, “Traffic Flow”",
    note: "Traffic that is switched in hardware does not pass the processor, and is not in its flows.",
    url: "https://help.mikrotik.com/docs/display/ROS/Traffic+flow",
    text: `/ip traffic-flow set enabled=yes interfaces=all active-flow-timeout=1m
/ip traffic-flow target add dst-address={hub} port={port} version=9`,
  },
  {
    name: "FortiGate",
    source: "FortiOS CLI Reference, “config system netflow”",
    note: "Of FortiOS 7.4 and later; in earlier ones collector-ip and collector-port stand in config system netflow itself.",
    url: "https://docs.fortinet.com/document/fortigate/7.6.5/cli-reference/105185180",
    text: `config system netflow
    set active-flow-timeout 60
    set template-tx-timeout 60
    config collectors
        edit 1
            set collector-ip "{hub}"
            set collector-port {port}
        next
    end
end
config system interface
    edit "port1"
        set netflow-sampler both
    next
end`,
  },
  {
    name: "softflowd",
    source: "softflowd(8)",
    note: "Without expint it looks for flows that are over once a minute.",
    url: "https://manpages.debian.org/softflowd.8",
    text: `softflowd -i eth0 -v 9 -t maxlife=60 -t expint=10 -n {hub}:{port}`,
  },
];
