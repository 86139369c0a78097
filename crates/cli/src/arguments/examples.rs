//! What stands at the end of each `--help`: examples that suffice, and the exit codes.

use grafolean_collector::{collector::Registered, settings::own_token};

use crate::protocols;

pub(super) const GRAFOLEAN: &str = "\
Settings are taken from flags, then the environment, then .env, then a TOML file (--config FILE, else \
./grafolean.toml, ~/.config/grafolean/grafolean.toml, /etc/grafolean/grafolean.toml), under the same names: \
--backend-url, BACKEND_URL, backend_url. `grafolean config` shows which are in force.

Exit codes: 0 all went well; 1 it was done, but the answer is bad (a run failed, a host is silent, a check failed); \
2 it could not be done (wrong arguments or settings, no permission, no backend).

Examples:
  grafolean demo               see it at work
  grafolean hub                run a backend on 127.0.0.1:8080
  grafolean check              look whether a bot would work
  grafolean bot ping           run the ping bot
  grafolean bot all            run all bots in one process";

pub(super) const WHY: &str = "\
A hub is asked with a bot's token. Beside a Grafolean, which knows nothing of it, name the address at which the bot is \
observed (--metrics): then the bot itself is asked. The causes are those of docs/troubleshooting.md.

Exit codes: 0 nothing is wrong; 1 something is; 2 it could not be asked.

Examples:
  grafolean why core-switch-1
  grafolean why entity.7.snmp.up
  grafolean why 192.0.2.7 --metrics 127.0.0.1:9300 --json";

pub(super) const FINDINGS: &str = "\
Devices with one cause are one finding. Exit codes: 0 nothing is wrong; 1 something is; 2 it could not be asked.

Examples:
  grafolean findings
  grafolean findings --metrics 127.0.0.1:9300 --json";

pub(super) const DEMO: &str = "\
It pings addresses of this machine, polls an SNMP agent of its own that tells this machine's counters, and takes flows \
that it invents. Nothing beyond this machine is pinged unless --device names it. A second start goes on with the same data: without \
--data it lies in grafolean/demo in the user's data folder. If port 8080 is taken and --listen does not insist on it, \
the next free one is used.

Examples:
  grafolean demo               until Ctrl-C
  grafolean demo --for 30s     ends by itself, with a summary
  grafolean demo --device router.example.org --device 2001:db8::7";

pub(super) const BOT: &str = "\
DIR/<protocol> holds what was not delivered yet, and the last good configuration, with which the bot starts while its \
backend is away. SIGTERM and SIGINT let runs end, flush and exit 0; a second one exits at once. A device that does not \
answer is a measurement, not a failure.

Examples:
  grafolean bot ping --backend-url https://example.org/api \\
    --bot-token-from-file /run/secrets/token --metrics 127.0.0.1:9300
  grafolean bot ping --once              for cron; exit code 1 if a run failed
  grafolean bot ping --once --dry-run    what would be measured and sent, now

A dry run prints lines like
  {\"account\":1,\"t\":1700000000.0,\"p\":\"entity.2.ping.success\",\"v\":1.0}";

/// Returns what stands at the end of the help of one protocol's bot.
pub(super) fn of_bot(protocol: &Registered) -> String {
    let name = protocol.name();
    let notes = protocol.notes();
    let common = BOT.replace("bot ping", &format!("bot {name}"));
    // Its own examples are better than those of any bot.
    match (notes.is_empty(), notes.contains("Examples:")) {
        (true, _) => common,
        (false, false) => format!("{notes}\n\n{common}"),
        (false, true) => notes.to_owned(),
    }
}

/// Returns what stands at the end of the help of all bots.
pub(super) fn all() -> String {
    let names = || protocols::ALL.iter().map(Registered::name);
    let folders: Vec<_> = names().map(|name| format!("DIR/{name}")).collect();
    let tokens: Vec<_> = names().map(|name| own_token(name)[0].variable).collect();
    let (folders, tokens) = (folders.join(", "), tokens.join(", "));
    format!(
        "\
The bots share the process and /metrics; each keeps its own folder: {folders}. A Grafolean has a bot, and a token, for each \
protocol: {tokens} (or files of them); a bot without one of its own takes BOT_TOKEN, and one without any is left out. A bot \
that cannot go on ends the process, so that it is restarted.

Examples:
  grafolean bot all --backend-url https://example.org/api \\
    --bot-token-ping-from-file /run/secrets/ping --bot-token-snmp-from-file /run/secrets/snmp
  grafolean bot all --without ping       where this user may not ping"
    )
}

pub(super) const PROTOCOLS: &str = "\
Fields are those of details of a credential, a sensor and an entity. A number may stand in text; null and blank text mean the \
default.

Examples:
  grafolean protocols snmp
  grafolean protocols ping --json";

pub(super) const FLOW: &str = "\
Examples:
  grafolean flow tail --listen 0.0.0.0:2055 --json
  grafolean flow tail --read capture.pcap --filter 'dst port https'
  grafolean flow send --to 127.0.0.1:2055 --rate 10000 --for 30s --format ipfix
  grafolean flow send --to 127.0.0.1:2055 --count 1000 --sampling 100 --json
  grafolean flow query --last 1h --filter 'dst port 443' --by src
  grafolean flow query --last 5m --list --order bps";

pub(super) const FLOW_QUERY: &str = "\
A bot keeps raw flows while --flow-archive is set. Bytes and packets are scaled by the sampling, as an estimate of what \
passed; --raw takes them as exported, as the filter always does. --from and --to are of when flows were received, to the \
second they are within five of being found; with --time first or last they are of when their packets passed. All times are \
UTC. Files are Parquet: docs/flow-archive.md tells their columns.

A filter is made of conditions, \"and\", \"or\", \"not\" and parentheses:
  [src|dst] host ADDRESS       src 192.0.2.1            host in [2001:db8::7 192.0.2.1]
  [src|dst] net NETWORK        dst net 10.0.0.0/8       net 172.16/12
  [src|dst] port NUMBER        dst port https           port in [80 443 8000-8999]
  [src|dst] as NUMBER          src as 64500             exporter 192.0.2.254
  proto NAME or NUMBER         proto udp                tcp          proto 47
  [in|out] if NUMBER           in if 3                  ingress      egress
  bytes, packets, bpp NUMBER   bytes > 10M              packets <= 2
  bps, pps NUMBER              bps > 1M                 duration > 10s
  flags LETTERS                flags S and not flags A  flags = SA
  dscp NAME or NUMBER          dscp ef                  dscp in [af41 cs5]    tos 184
  format NAME                  format ipfix             forward      reverse
  domain NUMBER                domain 3                 ipv4         ipv6
  [in|out] vlan NUMBER         vlan 100                 in vlan 10-19
  [in|out] ifname NAME         in ifname Gi0/1          app youtube  app 13:453
  [src|dst] mac ADDRESS        mac 00:00:5e:00:53:01    src mask 24
  nat [src|dst] ADDRESS        nat host 203.0.113.7     nat src port 1024-2047
  nexthop, bgpnexthop ADDRESS  nexthop 192.0.2.1        vrf 3        mpls 16
  fwstatus, fwevent, natevent  fwevent 3                fwstatus 128-191
A NUMBER is 443, 1-1023, in [80 443], or has one of = != < <= > >= before it; a port may be a service's name. Without src or \
dst either end is meant. What a flow does not tell is equal to nothing.

By: src dst ip sport dport port proto flags exporter domain format in out if dir srcas dstas as tos dscp counter way, \
natsrc natdst nexthop bgpnexthop natsport natdport invlan outvlan vlan srcmac dstmac mac srcmask dstmask invrf outvrf mpls \
fwstatus fwevent natevent app appname inname outname invrfname, networks as src/24, and spans of time as 5m (also minute, hour, day). By ip, port, as or if a flow counts for each of its \
ends (so by vlan and mac); ip,port is an address with its own port.

Columns of groups: bytes packets flows bps pps bpp duration first last. A rate is over the time from the first packet of all \
to the last; it is not known where a flow did not tell its times. Columns of --list: the same but flows, and those of \
`grafolean flow tail --help`.

Examples:
  grafolean flow query --last 1h --filter 'dst port https and src net 10.0.0.0/8' --by src --top 10
  grafolean flow query --last 15m --filter 'flags S and not flags A' --by src,dport --order flows
  grafolean flow query --from yesterday --to today --by 5m --order first --top 288 --csv
  grafolean flow query --from -2h --to -1h --by ip --columns bytes,bps,duration --order bps
  grafolean flow query --last 10m --list --filter 'host in [192.0.2.1 192.0.2.7]' --top 50
  grafolean flow query --last 1h --list --order bytes --columns first,src,dst,dport,bytes --json
  grafolean flow query --from 2026-11-26T10:00:00Z --to '2026-11-26 11:00' --time first --by minute --top 60
  grafolean flow query --archive /mnt/old/archive --from 0 --by exporter --json";

pub(super) const FLOW_EXPORTERS: &str = "\
Reads what a NetFlow bot keeps in DIR/netflow every few seconds; it need not run. Sums are since an exporter \
was first heard, over restarts of the bot: what was sent while it was down counts as lost. Coverage is the share of what was sent that was seen, by the exporter's own numbers: \
flows, packets or records, as each protocol counts. Waiting is data that came before its template, expired what waited in vain.

Examples:
  grafolean flow exporters
  grafolean flow exporters 192.0.2.1         its templates and samplings too
  grafolean flow exporters --json --data /var/lib/grafolean";

pub(super) const FLOW_SEND: &str = "\
Flows are invented from a seed, the same ones each time. At the end it tells what was sent, unscaled; --json gives
  {\"datagrams\":36,\"flows\":1000,\"bytes\":41234567,\"packets\":56789}

Examples:
  grafolean flow send --to 127.0.0.1:2055
  grafolean flow send --to [::1]:9995 --rate 100000 --for 10s --format v5 --pairs 100000
  grafolean flow send --to 127.0.0.1:2055 --exporters 10 --drop 3 --count 100000 --json

With --drop, what was not sent is in the totals, and also told apart as \"held_back\".";

pub(super) const FLOW_TAIL: &str = "\
Counts are as exported (not scaled). With --json, one object a flow: these are always there, null is what the exporter did \
not say, dir is 0 for ingress and 1 for egress, first and last are seconds since 1970, sampling is the factor that a bot would \
scale by, counter is which counter bytes is (delta, total, post, initiator, layer2), way is \"reverse\" for the second flow of a \
record that tells both directions (RFC 5103), else \"forward\":
  {\"exporter\",\"src\",\"dst\",\"sport\",\"dport\",\"proto\",\"bytes\",\"packets\",\"in\",\"out\",\"dir\",
   \"sampling\",\"first\",\"last\",\"counter\",\"way\"}
and these where they are told: received, format, domain, duration (seconds), flags (letters of FSRPAUECN), tos, dscp, srcas, \
dstas, bps, pps, bpp, natsrc, natdst, natsport, natdport, invlan, outvlan, srcmac, dstmac, nexthop, bgpnexthop, srcmask, \
dstmask, invrf, outvrf, mpls, fwstatus, fwevent, natevent, app, and the names inname, outname, appname, invrfname that options \
data told.
All of these names are columns for --columns. A capture is pcap or pcapng, of Ethernet with or without VLANs, Linux cooked, raw \
IP or loopback; fragments are put together. What of it brought no datagram is told at the end.

Examples:
  grafolean flow tail
  grafolean flow tail --filter 'dst port https and bytes > 1M' --columns src,dst,bytes,bps
  grafolean flow tail --listen [::1]:9995 --count 100 --json
  grafolean flow tail --read capture.pcapng --port 2055,4739 --json
  tcpdump -w - -c 1000 udp port 2055 | grafolean flow tail --read -";

pub(super) const HUB: &str = "\
The API is at /api/, a page at /. Without --hub-tls-certificate and --hub-tls-key the hub speaks plain HTTP: on any other \
address than loopback set them, or put a proxy with TLS before it, which --hub-proxies names.

Examples:
  grafolean hub
  grafolean hub --with-bots                  measures what this machine reaches, too
  grafolean hub --listen 127.0.0.1:9000 --data /var/lib/grafolean
  grafolean hub --listen 0.0.0.0:443 --hub-tls-certificate cert.pem --hub-tls-key key.pem
  grafolean hub reset-password admin --data /var/lib/grafolean
  grafolean hub add-device 192.0.2.1 --name core --with ping --with snmp=core --hub-user admin
  grafolean hub inventory devices.toml --dry-run --hub-user admin
  grafolean hub backup /backup/hub.tar --data /var/lib/grafolean

The first user of a new hub is made from the machine it runs on, at the address that it prints, or by
  curl -X POST http://127.0.0.1:8080/api/admin/first -H 'content-type: application/json' \\
    -H \"x-setup-secret: $(cat /var/lib/grafolean/setup-secret)\" -d '{\"username\": \"admin\",
    \"password\": \"a good one\", \"name\": \"Ann\", \"email\": \"ann@example.org\"}'";

pub(super) const IMPORT: &str = "\
The inventory is printed as TOML, with the secrets that the source holds; what could not be taken over is told on stderr. \
Nothing is changed unless --add brings the account in step; names of what is there already are kept.

Examples:
  grafolean import telegraf /etc/telegraf/telegraf.conf > devices.toml
  grafolean import snmp-exporter snmp.yml --prometheus prometheus.yml --account Core --add --hub-user admin
  grafolean import grafolean https://grafolean.example.org/api --from-user admin --from-password-file /run/secrets/old
  grafolean import prometheus --url http://127.0.0.1:9090 --match '{job=\"node\"}' --from 2026-11-01T00:00:00Z";

pub(super) const IMPORT_PROMETHEUS: &str = "\
Values are stored at their own times, so that importing twice does no harm. An import that was stopped goes on where it \
was when the same command is given again.

Examples:
  grafolean import prometheus --url http://127.0.0.1:9090 --match '{job=\"node\"}' --from 2026-11-01T00:00:00Z
  grafolean import prometheus --url http://127.0.0.1:9090 --match ping_rtt_seconds --from 2026-11-01T00:00:00Z \\
    --path 'ping.{instance}.rtt'";

pub(super) const DISCOVER: &str = "\
Each address that was named is pinged, and asked over SNMP by each credential in turn until one is answered; of devices that \
answer, interfaces and neighbours are read. Nothing else is asked, and never more than 2,000 packets a second are sent. Links \
are told with their evidence; neighbours that were not asked are shown as the next ones. --add makes devices of those that the \
account does not know, and changes and deletes nothing.

Examples:
  grafolean discover 192.0.2.0/24 --community public
  grafolean discover 192.0.2.0/24 2001:db8::1-2001:db8::20 --hub-user admin --snmp core --snmp branches --add
  grafolean discover 10.7.0.0/16 --rate 500 --yes --json";

pub(super) const CHECK: &str = "\
Nothing is changed at the backend. Exit codes: 0 the bot would work; 1 it would not, and the report says why; 2 the \
check could not be made (wrong arguments or settings).

Examples:
  grafolean check              settings from the environment or a file
  grafolean check ping --json
  grafolean check --backend-url http://127.0.0.1:8080/api --bot-token-from-file token";

pub(super) const SEND: &str = "\
The path is checked before anything is sent: segments of A-Z a-z 0-9 _ - %2e %3a, joined by dots, 200 characters in all.

Examples:
  grafolean send office.temperature 21.5
  grafolean send office.temperature -3.5 --time 2026-11-22T10:00:00Z
  grafolean send office.temperature 21.5 --account 7";

pub(super) const PING: &str = "\
With --json, one object a packet, as it happens (rtt in seconds or null; reason null when ok):
  {\"host\":\"localhost\",\"addr\":\"127.0.0.1\",\"seq\":0,\"ok\":true,\"rtt\":0.000021,\"reason\":null}
and at the end one a host (times in seconds or null, loss from 0 to 1, error null or why there was nothing to ping):
  {\"host\",\"addr\",\"sent\",\"received\",\"loss\",\"rtt_min\",\"rtt_avg\",\"rtt_max\",
   \"rtt_stddev\",\"rtt_p50\",\"rtt_p90\",\"rtt_p99\",\"jitter\",\"duplicates\",\"late\",\"error\"}
Percentiles are given from ten answers on. With --mtu, one object a host (limit: why one byte more does not arrive):
  {\"host\",\"addr\",\"mtu\",\"payload\",\"limit\",\"error\"}

Exit codes: 0 every host answered; 1 some did not; 2 nothing could be sent.

Examples:
  grafolean ping 127.0.0.1
  grafolean ping --count 10 --interval 0.2 router.example.org 192.0.2.7
  grafolean ping --mtu router.example.org
  grafolean ping --source eth1 --dscp 46 --size 1400 --df router.example.org
  grafolean ping -6 --json localhost";

pub(super) const SNMP: &str = "\
Objects are written as numbers or names: 1.3.6.1.2.1.1.3.0, sysUpTime.0, IF-MIB::ifHCInOctets.3, ifTable.
With --json, one object a line; octets that are no UTF-8 are {\"hex\":\"..\"}; text is what the value means, where it says more:
  {\"oid\":\"1.3.6.1.2.1.2.2.1.8.1\",\"name\":\"IF-MIB::ifOperStatus.1\",\"type\":\"INTEGER\",\"value\":1,\"text\":\"up\"}

Exit codes: 0 all came; 1 the device cannot be measured, or has no such object; 2 it could not be asked, or a walk did \
not reach its end (stderr says why).

Examples:
  grafolean snmp test 192.0.2.1
  grafolean snmp test switch.example.org -v3 -u ann -A authpass12 -X privpass12
  grafolean snmp get 192.0.2.1:1161 sysUpTime.0
  grafolean snmp walk 192.0.2.1 IF-MIB::ifDescr --json
  grafolean snmp walk 192.0.2.1 1.3.6.1.2.1.2.2.1.2 -On
  grafolean snmp profile 192.0.2.1
  grafolean snmp profile 192.0.2.1 --sensors
  grafolean snmp translate ifOperStatus.3 1.3.6.1.2.1.31.1.1.1.6
  grafolean snmp explain switch-1 --rows 24";

pub(super) const SPOOL: &str = "\
Works beside a running bot.

Examples:
  grafolean spool list              what waits, and what was refused and why
  grafolean spool show 17           one dead letter in full
  grafolean spool retry 17          send it again (--all: all of them)
  grafolean spool drop --all --yes  delete all dead letters for good
  grafolean spool list --json --protocol ping --data /var/lib/grafolean";

pub(super) const CONFIG: &str = "\
Secrets are not shown. Flags may be given to see their effect.

Examples:
  grafolean config
  grafolean config --json --config /etc/grafolean/grafolean.toml

A grafolean.toml:
  backend_url = \"https://example.org/api\"
  bot_token_from_file = \"/run/secrets/grafolean-token\"
  jobs_refresh_interval = 60
  metrics = \"127.0.0.1:9300\"
  log = \"info\"";

pub(super) const COMPLETIONS: &str = "\
Examples:
  grafolean completions bash > /etc/bash_completion.d/grafolean
  grafolean completions zsh > ~/.zfunc/_grafolean
  grafolean completions fish > ~/.config/fish/completions/grafolean.fish";

pub(super) const MAN: &str = "\
Examples:
  grafolean man | man -l -
  grafolean man > /usr/local/share/man/man1/grafolean.1";
