#!/usr/bin/env python3
"""Searches what a test run left behind for the keys that it used.

    leaks.py FOLDER [PATH...]

FOLDER is what UNDERSTUDY_ARTEFACTS named (see artefacts.py): its kept/ is searched, and each PATH
beside it, for every key of its keys.jsonl: as it is, percent-encoded (in any mixture), in JSON
escapes, as HTML, in base64, gzip-compressed, and in any two or three of these on top of each other.
A finding names the file and the test that made the key up, never the key.

Exit codes: 0 no key was found, 1 one was, 2 there is nothing to search.
Before it searches it hides a key in each of these ways and has to find it, so that "nothing found"
means something.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
import pathlib
import re
import secrets
import sys
import tempfile
import urllib.parse
import zlib

DEPTH = 3  # encodings on top of each other
MOST_UNPACKED = 64 << 20  # bytes out of one gzip member


def from_percent(data: bytes) -> list[bytes]:
    return [urllib.parse.unquote_to_bytes(data)] if b"%" in data else []


def from_json(data: bytes) -> list[bytes]:
    if b"\\" not in data:
        return []

    def plain(match):
        if match[1]:
            return chr(int(match[1], 16)).encode("utf-8", "surrogatepass")
        return {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}.get(match[2], match[2])

    return [re.sub(rb'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))', plain, data)]


def from_html(data: bytes) -> list[bytes]:
    if b"&" not in data:
        return []
    return [html.unescape(data.decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")]


def from_gzip(data: bytes) -> list[bytes]:
    found = []
    for start in re.finditer(rb"\x1f\x8b\x08", data):
        try:
            found.append(zlib.decompressobj(31).decompress(data[start.start():], MOST_UNPACKED))
        except zlib.error:
            pass
    return found


def from_base64(data: bytes) -> list[bytes]:
    """Runs of its letters, decoded from each of four places: the text before it may run into it."""
    found = []
    for run in re.finditer(rb"[A-Za-z0-9+/_-]{16,}", data):
        text = run[0].replace(b"-", b"+").replace(b"_", b"/")
        for offset in range(4):
            part = text[offset:]
            found.append(base64.b64decode(part[:len(part) // 4 * 4]))
            tail = part[len(part) // 4 * 4:]
            if len(tail) > 1:
                found[-1] += base64.b64decode(tail + b"=" * (4 - len(tail)))
    return [b"\0".join(found)] if found else []


DECODERS = {"percent-encoded": from_percent, "JSON-escaped": from_json, "as HTML": from_html,
            "gzip-compressed": from_gzip, "in base64": from_base64}


def views(data: bytes, how: tuple = (), seen: set | None = None):
    """The data as it is, and all that decoding makes of it, with the names of the decodings."""
    seen = set() if seen is None else seen
    if data in seen:
        return
    seen.add(data)
    yield how, data
    if len(how) == DEPTH:
        return
    for name, decode in DECODERS.items():
        if name == "in base64" and name in how:
            continue
        for decoded in decode(data):
            yield from views(decoded, (*how, name), seen)


def search(paths: list[pathlib.Path], keys: dict[str, str]):
    """(file, index of the key, how) for each key in each file where it is; `keys`: test by key."""
    needles = [key.encode("utf-8", "surrogateescape") for key in keys]
    for path in paths:
        found: dict[int, tuple] = {}
        for how, data in views(path.read_bytes()):
            for index, needle in enumerate(needles):
                if index not in found and needle in data:
                    found[index] = how
        for index, how in found.items():
            yield path, index, " and ".join(how) or "as it is"


def files_below(paths) -> list[pathlib.Path]:
    out = []
    for path in map(pathlib.Path, paths):
        out += sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    return out


def read_keys(path: pathlib.Path) -> dict[str, str]:
    keys = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        keys.setdefault(entry["key"], entry["test"])
    return keys


def hidden(key: str) -> dict[str, bytes]:
    """A log line with the key in it, in every way that must be found."""
    raw = key.encode()
    percent = urllib.parse.quote(key, safe="").encode()
    return {
        "raw": b"GET /api?code=" + raw,
        "percent": b"GET /api?code=" + percent,
        "percent-lower": b"code=" + re.sub(rb"%..", lambda m: m[0].lower(), percent),
        "every-byte": b"code=" + b"".join(b"%%%02X" % byte for byte in raw),
        "json": json.dumps({"url": "x?code=" + key}).encode(),
        "json-u": b'{"code": "' + b"".join(b"\\u%04x" % byte for byte in raw) + b'"}',
        "json-slash": json.dumps(key).replace("/", "\\/").encode(),
        "html": b"<td>" + html.escape(key).encode() + b"</td>",
        "base64": b"Basic " + base64.b64encode(b"user:" + raw),
        "base64-inside": b"path/" + base64.urlsafe_b64encode(b"12" + raw + b"34") + b"/rest",
        "gzip": gzip.compress(b"x" * 100 + raw),
        "gzip-inside": b"HTTP/1.1 200 OK\r\n\r\n" + gzip.compress(b'{"a": ' + json.dumps(key).encode() + b"}"),
        "percent-in-json-in-gzip": gzip.compress(json.dumps({"u": urllib.parse.quote(f'"{key}')}).encode()),
    }


def self_test() -> list[str]:
    """The ways of hiding a key in which this search does not find it, or finds one where none is."""
    failures = []
    with tempfile.TemporaryDirectory(prefix="understudy-leaks-") as name:
        path = pathlib.Path(name) / "proxy.log"
        key = secrets.token_hex(8) + '/+"&%' + secrets.token_hex(8) + "=="
        other = secrets.token_hex(16)
        for way, content in hidden(key).items():
            path.write_bytes(b"ready\n" + content + b"\nended\n")
            hits = [index for _, index, _ in search([path], {other: "t", key: "t"})]
            if hits != [1]:
                failures.append(way)
        path.write_bytes(b"ready\nGET /api 200\n" + gzip.compress(b"nothing here") + b"%41\\u0041&amp;")
        if list(search([path], {key: "t"})):
            failures.append("found where there is none")
    return failures


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0].startswith("-"):
        print(__doc__)
        return 2
    if failures := self_test():
        print(f"the search itself is broken: {', '.join(failures)}")
        return 1
    folder = pathlib.Path(arguments[0])
    kept, registry = folder / "kept", folder / "keys.jsonl"
    if not kept.is_dir() or not registry.is_file():
        print(f"nothing to search: {folder} has no kept/ or no keys.jsonl; run the end-to-end tests "
              "with UNDERSTUDY_ARTEFACTS set to it (./dev test e2e leaks)")
        return 2
    keys, files = read_keys(registry), files_below([kept, *arguments[1:]])
    tests, hits = list(keys.values()), 0
    for path, index, how in search(files, keys):
        hits += 1
        print(f"LEAK {path}: key {index + 1}, of {tests[index]}, {how}")
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files)} files, {size / 1e6:.1f} MB, searched for {len(keys)} keys: "
          f"{f'{hits} leaks' if hits else 'none found'}")
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
