"""The demo's payload holds what it is there for."""

import pytest

from bg95_host.demo import payload


def test_it_is_the_same_every_time_and_as_long_as_asked_for():
    assert payload.make() == payload.make()
    assert len(payload.make()) == 65536
    assert len(payload.make(4096)) == 4096


def test_every_byte_value_is_in_it():
    assert set(payload.make(4096)) == set(range(256))


@pytest.mark.parametrize("trap", [b"\r\nOK\r\n", b"\r\n> ", b'+QSSLURC: "recv",0', b"+++", b"\x1a"])
def test_every_trap_is_in_it(trap):
    assert trap in payload.TRAPS
    assert trap in payload.make(4096)


@pytest.mark.parametrize("cut", [1024, 1460, 1500])
def test_traps_lie_across_the_places_where_the_stream_is_cut(cut):
    data = payload.make()
    long_traps = [trap for trap in payload.TRAPS if len(trap) > 1]
    crossed = {
        trap
        for edge in range(cut, len(data) - 64, cut)
        for trap in long_traps
        for start in range(edge - len(trap) + 1, edge)
        if data.startswith(trap, start)
    }
    assert crossed == set(long_traps)
