"""The driver works on any day, in any time zone and in any century, though AT+CCLK tells two digits of the year."""

from datetime import datetime, timezone

import pytest
import world as w

import bg95

DAYS = [
    datetime(*day, tzinfo=timezone.utc)
    for day in (
        (2024, 2, 29, 12),
        (2027, 12, 31, 23, 59, 58),  # the year changes under way
        (
            2050,
            1,
            1,
        ),  # from here on certificates write the year with four digits: RFC 5280, 4.1.2.5
        (2079, 6, 1),
        (2080, 1, 6),  # AT+CCLK says 80, as where the clock was never set
        (2099, 12, 31, 23, 59, 58),
        (2100, 2, 28, 23),  # no leap year
        (2131, 1, 1),
    )
]


@pytest.mark.parametrize("zone", [-48, 0, 56])
@pytest.mark.parametrize("day", DAYS, ids=str)
def test_a_certificate_is_judged_by_the_day_that_the_network_tells(authority, day, zone):
    world = w.World(clock=day, traits={"timezone": zone})
    world.serve(8883, authority.server(w.HOST))
    world.serve(8884, authority.expired_server(w.HOST, now=day))
    world.serve(8885, authority.future_server(w.HOST, now=day))
    context = world.up(authority)
    context.connect(w.HOST, 8883).close()
    for port in (8884, 8885):
        with pytest.raises(bg95.ConnectError) as refused:
            context.connect(w.HOST, port)
        assert refused.value.code == 566
    world.modem.network_time()  # the century, where nobody had to ask for it yet
    told = world.modem.clock()
    assert abs((datetime(*told[:3], *told[4:7], tzinfo=timezone.utc) - day).total_seconds()) < 60
    assert told[3] == datetime(*told[:3]).weekday()


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_a_certificate_is_judged_by_the_day_that_the_application_tells(authority, day):
    world = w.World(clock=day, traits={"nitz": False})
    world.serve(8883, authority.server(w.HOST))
    world.serve(8884, authority.expired_server(w.HOST, now=day))
    context = world.up(authority)
    told = (day.year, day.month, day.day, day.weekday(), day.hour, day.minute, 0, 0)
    world.modem.clock(told)
    assert world.modem.clock()[:5] == told[:5]
    context.connect(w.HOST, 8883).close()
    with pytest.raises(bg95.ConnectError):
        context.connect(w.HOST, 8884)
