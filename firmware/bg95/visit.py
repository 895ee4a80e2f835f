"""Visitors: what runs once is loaded for its flow and leaves again, and its heap comes back (README.md).

A visitor is a module of bg95.visitors. Whoever needs one loads it here. When the last flow has ended they all leave
`sys.modules`, and are collected. Only after modem.command(), which comes in rows, they stay for LINGER_MS, until a
poll() or another call. Nothing resident may keep one: no bound method, no default argument.
"""

import sys
from time import ticks_diff, ticks_ms

from micropython import const

LINGER_MS = const(1000)
WORK = const(0x1000)  # bit of Modem.work: there are visitors that nobody needs

_PACKAGE = "bg95.visitors"

# True keeps them: for a PC, and for who has the heap and wants the 14 to 32 ms that each costs to load.
stay = sys.implementation.name != "micropython"
flows = 0  # flows under way, in all modems
_lingers = False  # the last call was modem.command()
_left_at = 0  # when the last flow ended


def load(name):
    """The visitor `name`, a module. Allocates."""
    name = _PACKAGE + "." + name
    if name not in sys.modules:
        if not flows:
            _send_away()
        __import__(name)
    return sys.modules[name]


def leave(modem):
    """Nobody needs the visitors any more, unless a flow is under way; `modem` sends those away that linger."""
    global _left_at
    if not flows:
        _left_at = ticks_ms()
        modem.work |= WORK
        if not _lingers:
            tidy(modem)


def tidy(modem):
    """Called by poll() while its WORK is set."""
    if flows:
        modem.work &= ~WORK
    elif not _lingers or ticks_diff(ticks_ms(), _left_at) >= LINGER_MS:
        try:
            _send_away()
            modem.work &= ~WORK
        except MemoryError:
            pass  # the heap is locked, or full: the next poll tries again


def _send_away():
    """Who is on the stack keeps what it runs."""
    if stay or _PACKAGE not in sys.modules:
        return
    for name in list(sys.modules):
        if name.startswith(_PACKAGE):
            del sys.modules[name]
    del sys.modules["bg95"].visitors  # pyright: ignore[reportAttributeAccessIssue]


def method(name, owner, attribute, modem):
    """`owner.attribute` of a resident class whose other half is the visitor `name`: a function that takes the owner
    first. Raises AttributeError where neither half has it.
    """
    if attribute.startswith("__"):
        raise AttributeError(attribute)
    function = getattr(load(name), attribute, None)
    if function is None:
        raise AttributeError("no attribute '%s'" % attribute)

    def call(*args, **options):
        global _lingers
        _lingers = name == "command"
        try:
            return function(owner, *args, **options)
        finally:
            leave(modem)

    return call
