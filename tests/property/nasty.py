"""Bytes that a scanner would fall for."""

from hypothesis import strategies as st

FRAGMENTS = [
    b"\r\nOK\r\n",
    b"OK",
    b"\r\nERROR\r\n",
    b"\r\n+CME ERROR: 3\r\n",
    b"\r\n> ",
    b">",
    b"\r\nSEND OK\r\n",
    b"\r\nCONNECT\r\n",
    b"\r\nNO CARRIER\r\n",
    b'\r\n+QSSLURC: "recv",0\r\n',
    b'\r\n+QSSLURC: "closed",0\r\n',
    b"\r\n+QSSLRECV: 5\r\n",
    b"\r\nRDY\r\n",
    b"\r\nPOWERED DOWN\r\n",
    b"+++",
    b"ATO\r",
    b"\x1a",
    b"\x1b",
    b"\x00",
    b"\r",
    b"\n",
    b"\r\n",
    bytes(range(256)),
]


def payloads(max_fragments: int = 12) -> st.SearchStrategy[bytes]:
    """Data that looks like the module's answers, with any other bytes between."""
    fragment = st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=40))
    return st.lists(fragment, max_size=max_fragments).map(b"".join)


def chunk_sizes() -> st.SearchStrategy[list[int]]:
    """How many bytes the UART has each time it is asked; 0 is a pause."""
    return st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(any)
