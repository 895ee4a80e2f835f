"""The shapes in which people have a PEM file, made of a good one, as seen in public reports."""


def usual(good: bytes) -> dict[str, bytes]:
    """What strict readers take, though it is not as it should be."""
    first, *body, last = good.decode().splitlines()
    return {
        "CR LF": good.replace(b"\n", b"\r\n"),
        "blanks": good.replace(b"\n", b"  \n"),
        "no end": good.rstrip(),
        "more than 64": "\n".join([first, "".join(body), last, ""]).encode(),
        "text around": b"Certificate:\n    Version: 3\n\n" + good,
    }


def misshapen(good: bytes) -> dict[str, bytes]:
    """What strict readers refuse, but for a byte order mark, which OpenSSL skips."""
    lines = good.decode().splitlines()
    body = lines[1:-1]
    return {
        "UTF-16": good.decode().encode("utf-16"),
        "byte order mark": b"\xef\xbb\xbf" + good,
        "CR only": good.replace(b"\n", b"\r"),
        "indented": good.replace(b"\n", b"\n    ")[:-4],
        "blank lines": good.replace(b"\n", b"\n\n"),
        "on one line": b"".join(good.split(b"\n")),
        "one line": good.replace(b"\n", b" "),
        "C or Python": "\n".join(f'"{line}\\n"' for line in lines).encode(),
        "JSON": good.replace(b"\n", b"\\n"),
        "JSON with CR": good.replace(b"\n", b"\\r\\n"),
        "without its BEGIN": "\n".join(body).encode(),
        "BEGIN and END": "".join(body).encode(),
        "END and the next BEGIN": good.rstrip() + good,
    }
