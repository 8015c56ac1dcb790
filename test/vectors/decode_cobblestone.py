#!/usr/bin/env python3
"""Decodes a spool object (Cobblestone-256, c2sp.org/chunked-encryption) with Python's standard library alone:
decode_cobblestone.py KEY_HEX CONTEXT_HEX < sealed > plain     (exit code 1 when anything was changed)"""
import hashlib, hmac, sys

CHUNK, TAG, HEADER = 16384, 16, 56

def xtime(a):
    return (a << 1) ^ (0x11B if a & 0x80 else 0)

def make_sbox():
    box, p, q = [0x63] * 256, 1, 1
    while True:  # p runs through all non-zero values (times 3), q through their inverses (divided by 3)
        p ^= xtime(p)
        q ^= q << 1
        q ^= q << 2
        q = (q ^ (q << 4)) & 0xFF
        q ^= 0x09 if q & 0x80 else 0
        s = q
        for turn in range(1, 5):
            s ^= ((q << turn) | (q >> (8 - turn))) & 0xFF
        box[p] = s ^ 0x63
        if p == 1:
            return box

SBOX = make_sbox()

def expand_key(key):
    words, rcon = [list(key[i:i + 4]) for i in range(0, 32, 4)], 1
    for i in range(8, 60):
        w = list(words[-1])
        if i % 8 == 0:
            w = [SBOX[b] for b in w[1:] + w[:1]]
            w[0], rcon = w[0] ^ rcon, xtime(rcon)
        elif i % 8 == 4:
            w = [SBOX[b] for b in w]
        words.append([a ^ b for a, b in zip(words[i - 8], w)])
    return [sum(words[i:i + 4], []) for i in range(0, 60, 4)]

def aes(keys, block):
    s = [a ^ b for a, b in zip(block, keys[0])]
    for rnd in range(1, 15):
        s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if rnd < 14:
            for c in range(0, 16, 4):
                col, t = s[c:c + 4], s[c] ^ s[c + 1] ^ s[c + 2] ^ s[c + 3]
                s[c:c + 4] = [col[i] ^ t ^ xtime(col[i] ^ col[(i + 1) % 4]) for i in range(4)]
        s = [a ^ b for a, b in zip(s, keys[rnd])]
    return bytes(s)

def gcm_open(keys, nonce, sealed):
    body, tag = sealed[:-TAG], sealed[-TAG:]
    h, y = int.from_bytes(aes(keys, bytes(16)), "big"), 0
    blocks = [body[i:i + 16].ljust(16, b"\0") for i in range(0, len(body), 16)] + [(len(body) * 8).to_bytes(16, "big")]
    for block in blocks:
        x, v, y = y ^ int.from_bytes(block, "big"), h, 0
        for bit in range(127, -1, -1):
            y ^= v if (x >> bit) & 1 else 0
            v = (v >> 1) ^ ((0xE1 << 120) if v & 1 else 0)
    if not hmac.compare_digest((y ^ int.from_bytes(aes(keys, nonce + b"\0\0\0\1"), "big")).to_bytes(16, "big"), tag):
        sys.exit("changed: a tag does not match")
    stream = b"".join(aes(keys, nonce + (2 + i).to_bytes(4, "big")) for i in range(len(blocks) - 1))
    return bytes(a ^ b for a, b in zip(body, stream))

def main():
    key, context, data = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2]), sys.stdin.buffer.read()
    info = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0" + data[:24] + context
    t1 = hmac.digest(key, info + b"\1", hashlib.sha512)
    okm = t1 + hmac.digest(key, t1 + info + b"\2", hashlib.sha512)
    if len(data) < HEADER + TAG or data[24:HEADER] != okm[44:76]:
        sys.exit("changed: the commitment does not match")
    keys, chunks = expand_key(okm[:32]), [data[i:i + CHUNK + TAG] for i in range(HEADER, len(data), CHUNK + TAG)]
    if len(chunks[-1]) == CHUNK + TAG or len(chunks[-1]) < TAG:
        sys.exit("truncated: the last chunk is not short")
    for i, chunk in enumerate(chunks):
        nonce = (int.from_bytes(okm[32:44], "big") ^ i).to_bytes(12, "big")
        sys.stdout.buffer.write(gcm_open(keys, nonce, chunk))

main()
