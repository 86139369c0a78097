"""A network that misbehaves exactly as it is told, behind a TUN device of the namespace it is started in.

Standard library only; needs the right to make the device (CAP_NET_ADMIN). It says "ready" when packets can be sent, and
ends with its standard input. With the argument "awake" it never sleeps, so that it adds next to nothing to a delay. What
happens to an echo request is written in its destination:

    100.64.K.X  or  fd64::K:X  (K and X in decimal, also in the latter)

    K=1  answered after X ms                      K=2   every X-th sequence number is lost: 0, X, 2X, ...
    K=3  answered, and X times more               K=4   silence
    K=5  unreachable, code X                      K=6   time exceeded, code X
    K=7  too big (X ignored)                      K=8   answers held back and given in reverse, X at a time
    K=9  a wrong answer of kind X, see wrong()    K=10  as 9, and the right answer after it
    K=11 parameter problem, code X                K=12  X messages of noise, then the answer
    K=13 the first X sequence numbers are lost
Errors quote as little as the protocol allows (28 bytes) where X is even, as much as there is where it is odd.
"""

import fcntl
import heapq
import os
import random
import select
import socket
import struct
import subprocess
import sys
import time

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000
ROUTER4, ROUTER6 = socket.inet_aton("100.64.0.254"), socket.inet_pton(socket.AF_INET6, "fd64::fe")


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total >> 16) + (total & 0xFFFF)
    return ~total & 0xFFFF


class Request:
    """An echo request that was read from the device, and all the answers it may get."""

    def __init__(self, packet):
        self.packet, self.version = packet, packet[0] >> 4
        if self.version == 4:
            self.source, self.target, self.icmp = packet[12:16], packet[16:20], packet[(packet[0] & 15) * 4 :]
            self.kind, self.number = self.target[2], self.target[3]
        else:
            self.source, self.target, self.icmp = packet[8:24], packet[24:40], packet[40:]
            self.kind, self.number = (int(f"{group:x}") for group in struct.unpack("!2H", self.target[12:]))
        self.id, self.sequence = struct.unpack("!2H", self.icmp[4:8])
        self.payload = self.icmp[8:]

    @staticmethod
    def read(packet):
        is_echo = packet[0] >> 4 == 4 and packet[9] == 1 and packet[(packet[0] & 15) * 4] == 8
        is_echo6 = packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] == 128
        return Request(packet) if is_echo or is_echo6 else None

    def wrap(self, message, source=None, damage=0):
        """Puts a message whose checksum field is zero into a packet to whoever asked."""
        source = source or self.target
        if self.version == 4:
            total = checksum(message) ^ damage
            message = message[:2] + struct.pack("!H", total) + message[4:]
            header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(message), 0, 0, 64, 1, 0) + source + self.source
            return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + message
        total = checksum(source + self.source + struct.pack("!2I", len(message), 58) + message) ^ damage
        message = message[:2] + struct.pack("!H", total) + message[4:]
        return struct.pack("!IHBB", 6 << 28, len(message), 58, 64) + source + self.source + message

    def reply(self, kind=None, identifier=None, sequence=None, payload=None, **how):
        kind = {4: 0, 6: 129}[self.version] if kind is None else kind
        identifier = self.id if identifier is None else identifier
        sequence = self.sequence if sequence is None else sequence
        message = struct.pack("!BBHHH", kind, 0, 0, identifier, sequence)
        return self.wrap(message + (self.payload if payload is None else payload), **how)

    def error(self, kind4, kind6, code):
        quote = self.packet[: 28 if self.version == 4 else 48] if self.number % 2 == 0 else self.packet[:548]
        kind, router = (kind4, ROUTER4) if self.version == 4 else (kind6, ROUTER6)
        return self.wrap(struct.pack("!BBHI", kind, code, 0, 0) + quote, source=router)

    def wrong(self):
        payload, cut = self.payload, 8 if self.version == 4 else 129
        return {
            1: lambda: self.reply(identifier=self.id ^ 0xFFFF),
            2: lambda: self.reply(sequence=self.sequence ^ 1),
            3: lambda: self.reply(payload=payload[:15] + bytes([payload[15] ^ 1]) + payload[16:]),
            4: lambda: self.reply(payload=payload[:-1] + bytes([payload[-1] ^ 1])),
            5: lambda: self.reply(damage=0x5555),
            6: lambda: self.reply(source=self.target[:-1] + b"\xfd"),
            7: lambda: self.wrap(struct.pack("!BBH", 0 if self.version == 4 else 129, 0, 0)),
            8: lambda: self.reply(payload=payload + b"\0"),
            9: lambda: self.reply(payload=payload[:12]),
            10: lambda: self.reply(kind=14 if self.version == 4 else 140),
            11: lambda: self.reply(kind=8 if self.version == 4 else 128),
            12: lambda: self.reply(payload=b""),
            13: lambda: self.reply(payload=payload[:4] + b"\xff" * 4 + payload[8:]),
            14: lambda: self.reply(payload=b"\xff" * 4 + payload[4:]),
        }[self.number]()

    def noise(self):
        """Messages that look like answers for a few bytes and like nothing after that."""
        dice = random.Random(self.sequence)
        kinds = [0, 3, 4, 11, 12, 0] if self.version == 4 else [129, 1, 2, 3, 4, 129]
        for _ in range(self.number):
            body = bytes(dice.randrange(256) for _ in range(dice.randrange(120)))
            if dice.random() < 0.5:
                body = struct.pack("!2H", self.id, self.sequence) + self.payload[: dice.randrange(17)] + body
            if dice.random() < 0.3:
                body = struct.pack("!I", 0) + self.packet[: dice.randrange(70)] + body
            yield self.wrap(struct.pack("!BBH", dice.choice(kinds), dice.randrange(20), 0) + body)


def answers(request, held):
    """Gives (seconds from now, packet) for all that a request causes."""
    kind, number, sequence = request.kind, request.number, request.sequence
    if kind == 1:
        yield number / 1000, request.reply()
    elif kind == 2 and sequence % number:
        yield 0, request.reply()
    elif kind == 3:
        for copy in range(number + 1):
            yield copy / 1000, request.reply()
    elif kind == 5:
        yield 0, request.error(3, 1, number)
    elif kind == 6:
        yield 0, request.error(11, 3, number)
    elif kind == 7:
        yield 0, request.error(3, 2, 4 if request.version == 4 else 0)
    elif kind == 8:
        waiting = held.setdefault(request.target, [])
        waiting.append(request.reply())
        if len(waiting) == number:
            for packet in reversed(held.pop(request.target)):
                yield 0, packet
    elif kind in (9, 10):
        yield 0, request.wrong()
        if kind == 10:
            yield 0, request.reply()
    elif kind == 11:
        yield 0, request.error(12, 4, number)
    elif kind == 12:
        for packet in request.noise():
            yield 0, packet
        yield 0, request.reply()
    elif kind == 13 and sequence >= number:
        yield 0, request.reply()


def open_device():
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH", b"peer", IFF_TUN | IFF_NO_PI))
    for words in (
        "link set lo up",
        "link set peer up mtu 1500",
        "addr add 100.127.0.1/32 dev peer",
        "route add 100.64.0.0/16 dev peer src 100.127.0.1",
        "-6 addr add fd65::1/128 dev peer nodad",
        "-6 route add fd64::/64 dev peer src fd65::1",
    ):
        subprocess.run(["ip", *words.split()], check=True)
    return device


def main():
    device, queue, held, count = open_device(), [], {}, 0
    print("ready", flush=True)
    while True:
        wait = max(0, queue[0][0] - time.monotonic()) if queue else None
        wait = 0 if "awake" in sys.argv else wait
        readable, _, _ = select.select([device, sys.stdin], [], [], wait)
        if sys.stdin in readable and not os.read(sys.stdin.fileno(), 4096):
            return
        try:
            while device in readable:
                packet, now = os.read(device, 65536), time.monotonic()
                request = Request.read(packet)
                for delay, answer in answers(request, held) if request else ():
                    count += 1
                    heapq.heappush(queue, (now + delay, count, answer))
        except BlockingIOError:
            pass
        while queue and queue[0][0] <= time.monotonic():
            os.write(device, heapq.heappop(queue)[2])


main()
