"""Makes the table of the README of a bench's `name value unit` lines: what we measured, what users would take instead
in the same run, the ratio, and what is wanted at least."""

import sys

# What, our line, the line beside it, what stands beside it, and the bound. A bound that starts with < is an upper one.
ROWS = [
    ("schedule: a firing at 1,000,000 jobs", "schedule_firing", None, "", "< 100 ns"),
    ("schedule: memory of 1,000,000 jobs", "schedule_memory_of_1m_jobs", None, "", "< 150 MB"),
    ("run loop: empty jobs", "run_loop_throughput", "established_empty_runs", "established library", "> 100000 runs/s"),
    ("run loop: lateness of 10,000 due at once, 99th percentile", "run_loop_lateness_p99_of_10k_due_at_once_on_1_threads", None, "", "< 5 ms"),
    ("refresh of 1,000 devices x 3 sensors", "refresh_1000x3_unchanged", "established_refresh", "established library", "< 150 ms"),
    ("Python: refresh of 1,000 devices x 3 sensors", "python_refresh", "established_refresh", "established library", "< 150 ms"),
    ("Python: empty jobs in processes", "python_in_processes_runs", "established_empty_runs", "established library", "> 30000 runs/s"),
    ("Python: empty jobs in threads", "python_in_threads_runs", "established_empty_runs", "established library", "> 150000 runs/s"),
    ("Python: memory with 5,000 jobs", "python_common_memory", "established_common_memory", "established library", "< 200 MB"),
    ("Python: lateness of 5,000 jobs a minute, 99th percentile", "python_common_lateness_p99", "established_common_lateness_p99", "established library", "< 100 ms"),
    ("Python: CPU of 100,000 runs a minute", "python_100k_a_minute_cpu", None, "", "< 30 %"),
    ("the same after a change", "refresh_1000x3_after_a_change", None, "", "< 150 ms"),
    ("report to spool, durable", "spool_accept", None, "", ""),
    ("report to spool (durable) to hub (durable)", "report_to_spool_to_hub", None, "", "> 100000 values/s"),
    ("hub: values taken in over HTTP, durable", "ingest_http", None, "", "> 100000 values/s"),
    ("hub: a value at rest, round-trip times", "at_rest_rtt", None, "", "< 4 bytes/value"),
    ("hub: a value at rest, rates", "at_rest_rate", None, "", "< 4 bytes/value"),
    ("hub: a value at rest, temperatures", "at_rest_temperature", None, "", "< 4 bytes/value"),
    ("hub: a day of one series every minute, read", "day_60s_read", None, "", "< 5 ms"),
    ("demo: from its start to the first value", "demo_first_value", None, "", "< 60 s"),
    ("demo: memory of hub, bots and devices", "demo_memory", None, "", "< 150 MB"),
    ("ping: CPU a ping, raw socket, 10,000 targets", "ping_raw_cpu", "fping_cpu", "fping", "< 5 us"),
    ("ping: CPU a ping, datagram socket", "ping_datagram_cpu", "bare_cpu", "bare system calls", "< 5 us"),
    ("ping: lost of 100,000", "ping_raw_lost", "fping_lost", "fping", "< 1 packets"),
    ("SNMP: GETs of 10 objects at 1,000 agents, on one core", "snmp_get_of_10_at_1000_agents_of_one_core", "easysnmp_get_of_10", "easysnmp", "> 100000 GETs/s"),
    ("SNMP: the same, beside datagrams that come back", "snmp_get_of_10_at_1000_agents_of_one_core", "udp_echo_of_one_core", "bare UDP echo", "> 100000 GETs/s"),
    ("SNMP: walks of 1,000 rows, 16 at a time, on one core", "snmp_walk_16_at_a_time_of_one_core", "easysnmp_bulkwalk", "easysnmp", "> 1500000 varbinds/s"),
    ("SNMP: walk of net-snmp's agent", "snmpd_walk", "easysnmp_snmpd_walk", "easysnmp", ""),
    ("SNMP: CPU of 10,000 devices x 3 sensors each 60 s", "snmp_fleet_cpu", None, "", "< 30 %"),
    ("SNMP: a poll among them, 99th percentile", "snmp_fleet_poll_p99", None, "", "< 2000 ms"),
    ("SNMP: memory of an idle device of 3 sensors", "snmp_fleet_memory_of_an_idle_device", None, "", "< 4096 bytes"),
    ("raw flows: handed over by the receiving thread", "flow_archive_hand_over", None, "", ""),
    ("raw flows: written, CPU a flow", "flow_archive_write", "duckdb_write", "DuckDB's COPY", "< 1000 ns/flow"),
    ("raw flows: lost to the disk at 1,000,000 a second for 10 s", "flow_archived_dropped", None, "", "< 1 flows"),
    ("raw flows: at rest", "flow_archive_at_rest", None, "", ""),
    ("raw flows: looked through, port and network, by source", "flow_query_443_from_10_by_src_on_2", "nfdump_query_443_from_10_by_src", "nfdump", "> 20 Mflows/s"),
    ("raw flows: looked through, all by source", "flow_query_by_src_on_2", "nfdump_query_by_src", "nfdump", "> 20 Mflows/s"),
    ("raw flows: the same, beside DuckDB on the same files", "flow_query_by_src_on_2", "duckdb_query_by_src", "DuckDB", "> 20 Mflows/s"),
    ("flows: decoded on one core, NetFlow v9 of 20 fields", "flow_decode_netflow9", "pypi_netflow_decode", "PyPI's netflow", "> 10 Mflows/s"),
    ("flows: decoded on one core, IPFIX", "flow_decode_ipfix", "pypi_netflow_decode", "PyPI's netflow, v9", "> 10 Mflows/s"),
    ("flows: received and added up by one core", "flow_aggregate", "nfacctd", "nfacctd, one table", "> 2 Mflows/s"),
    ("flows: the same, beside a collector that only stores", "flow_aggregate", "nfcapd", "nfcapd", "> 2 Mflows/s"),
    ("flows: lost at 2,000,000 a second for 10 s", "flow_aggregate_lost", "nfcapd_lost", "nfcapd", "< 1 datagrams"),
    ("flows: memory of an hour of 1,000,000 address pairs", "flow_memory_of_an_hour", None, "", "< 300 MB"),
    ("flows: memory of the bot at 1,000,000 flows a second", "flow_memory_of_the_bot", None, "", "< 300 MB"),
]


def read(file):
    """Gives name -> (value, unit) of the lines that are of that form."""
    figures = {}
    for line in file:
        words = line.split()
        if len(words) == 3:
            try:
                figures[words[0]] = (float(words[1]), words[2])
            except ValueError:
                continue
    return figures


def written(figure):
    value, unit = figure
    digits = 0 if abs(value) >= 100 or value == int(value) else 2
    return f"{value:,.{digits}f} {unit}"


def ratio(ours, theirs, smaller_is_better):
    better, worse = (theirs, ours) if smaller_is_better else (ours, theirs)
    return f"{better / worse:,.1f} x" if worse else ""


def holds(value, bound):
    relation, limit = bound.split()[:2]
    return value < float(limit) if relation == "<" else value >= float(limit)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        figures = read(file)
    missed = []
    print("| what | measured | beside it | ratio | wanted |")
    print("| --- | --- | --- | --- | --- |")
    for what, name, beside, who, bound in ROWS:
        if name not in figures:
            missed.append(f"{what}: not measured ({name})")
            continue
        ours = figures[name]
        theirs = figures.get(beside)
        other = f"{written(theirs)} ({who})" if theirs else ""
        against = ratio(ours[0], theirs[0], bound.startswith("<")) if theirs else ""
        print(f"| {what} | {written(ours)} | {other} | {against} | {bound} |")
        if bound and not holds(ours[0], bound):
            missed.append(f"{what}: {written(ours)}, wanted {bound}")
    for line in missed:
        print("not reached:", line)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
