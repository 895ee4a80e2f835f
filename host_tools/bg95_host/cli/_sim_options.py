"""The simulated module's options, as every sub-command that has one takes them."""

from collections.abc import Sequence
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bg95_host.cli import _names

if TYPE_CHECKING:
    from bg95_host.module_sim import SimOptions

_PANEL = "Simulated module"


def _option(*names: str, **facts) -> typer.models.OptionInfo:
    return typer.Option(*names, rich_help_panel=_PANEL, **facts)


Baud = Annotated[int, _option(help="Rate of the module's UART at power-on, bit/s.")]
Pace = Annotated[bool, _option("--pace/--no-pace", help="Bytes take the time they take on a UART.")]
Model = Annotated[str, _option(help="What ATI answers.")]
Resolve = Annotated[
    list[str] | None, _option(metavar="NAME=ADDRESS", help="Answer a DNS name; repeatable.")
]
Clock = Annotated[str | None, _option(metavar="ISO8601", help="The module's time at the start.")]
Fault = Annotated[
    list[str] | None,
    _option(
        metavar="NAME[=ARG]",
        help="Inject a fault; repeatable. `bg95 sim --list-faults` lists them.",
        **_names.completed(_names.faults),
    ),
]
Trait = Annotated[
    list[str] | None,
    _option(
        metavar="NAME=VALUE",
        help="Set a trait; repeatable. `bg95 sim --list-traits` lists them.",
        **_names.completed(_names.traits),
    ),
]
Profile = Annotated[
    Path | None,
    _option(metavar="FILE", help="Behave like the module that `bg95 probe` wrote this of."),
]
Files = Annotated[
    Path | None, _option(metavar="DIR", help="Its flash file system; without it, in memory.")
]
Trace = Annotated[
    Path | None, _option(metavar="FILE", help="Write a trace, one JSON object a line.")
]
Keylog = Annotated[
    Path | None, _option(metavar="FILE", help="Write the TLS secrets, for Wireshark.")
]
Seed = Annotated[int, _option(help="Seed of everything that is random.")]


def sim_options(
    *,
    clock: str | None,
    resolve: Sequence[str] | None,
    fault: Sequence[str] | None,
    trait: Sequence[str] | None,
    profile: Path | None = None,
    **rest,
) -> "SimOptions":
    """The options as the simulator takes them; a wrong one is a wrong command line.

    A trait that is set goes before the profile's.
    """
    from bg95_host.module_sim import SimOptions
    from bg95_host.module_sim.faults import Faults
    from bg95_host.module_sim.traits import Traits, parse_assignments
    from bg95_host.probe import profile as profiles

    try:
        known = profiles.sim_options(profile)
        traits = {**known.pop("traits", {}), **parse_assignments(trait or ())}
        Traits(traits)  # these two raise here what a starting module would raise later
        Faults(fault or ())
        names = parse_assignments(resolve or ())
        for address in names.values():
            ip_address(address)
        return SimOptions(
            clock=datetime.fromisoformat(clock.replace("Z", "+00:00")) if clock else None,
            resolve=names,
            faults=fault or (),
            traits=traits,
            **(rest | known),
        )
    except ValueError as e:
        raise typer.BadParameter(str(e)) from e
