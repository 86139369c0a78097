"""How many flows PyPI's `netflow` decodes: python netflow_decode.py FILE, of datagrams each behind its length."""

import struct
import sys
import time

import netflow


def main():
    with open(sys.argv[1], "rb") as file:
        octets = file.read()
    datagrams, at = [], 0
    while at < len(octets):
        (length,) = struct.unpack_from(">I", octets, at)
        datagrams.append(octets[at + 4 : at + 4 + length])
        at += 4 + length
    templates = {"netflow": {}, "ipfix": {}}
    began = time.process_time()
    flows = sum(len(netflow.parse_packet(datagram, templates).flows) for datagram in datagrams)
    took = time.process_time() - began
    print(f"pypi_netflow_decode {flows / took / 1e6:.3f} Mflows/s")


if __name__ == "__main__":
    main()
