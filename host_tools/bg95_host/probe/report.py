"""A profile for people: where this module differs from the documents, and what it answers to their open questions."""

from __future__ import annotations

from collections.abc import Iterator

from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.manual import ManualHost
from bg95_host.module_sim.registry import COMMANDS
from bg95_host.module_sim.tables import CONFIG_ITEMS
from bg95_host.module_sim.traits import TRAITS
from bg95_host.probe import questions
from bg95_host.probe.dialogue import name_of
from bg95_host.probe.line import ManualLine
from bg95_host.probe.profile import Profile
from bg95_host.probe.session import Allowed, Session


def documented() -> dict[str, str]:
    """The texts as the simulated module has them, which answers as the documents are read here."""
    session = Session(ManualLine(ManualHost(SimOptions())), Allowed())
    session.get_in_step()
    return dict(questions.texts(session))


def markdown(profile: Profile) -> str:
    """The whole report."""
    return "\n".join(_lines(profile)) + "\n"


def _lines(profile: Profile) -> Iterator[str]:
    who = profile.identity
    yield f"# {who.get('model', 'A module')}, {who.get('firmware') or who.get('revision', '')}"
    yield ""
    yield from _differences(profile)
    yield from _texts(profile)
    yield from _questions(profile)
    yield from _items(profile)
    yield from _times(profile)
    yield from _unknown(profile)


def _differences(profile: Profile) -> Iterator[str]:
    found = profile.differences
    yield f"## Traits that differ from the documents: {len(found)} of {len(profile.traits)} found"
    yield ""
    for name, value in found.items():
        trait = TRAITS[name]
        yield f"* **{name}** is `{value!r}`, not `{trait.default!r}`: {trait.help} ({trait.section})"
        yield from (f"      {line}" for line in profile.evidence.get(name, ()))
    yield ""


def _texts(profile: Profile) -> Iterator[str]:
    expected = documented()
    other = {
        command: text
        for command, text in profile.texts.items()
        if text != expected.get(command, text)
    }
    yield f"## Answers that differ: {len(other)} of {len(profile.texts)} asked"
    yield ""
    for command, text in other.items():
        yield f"* `{command}`"
        yield from (f"      here       {line}" for line in text.splitlines())
        yield from (f"      documents  {line}" for line in expected[command].splitlines())
    yield ""


def _questions(profile: Profile) -> Iterator[str]:
    yield "## The open questions of at-commands.md"
    yield ""
    for question in questions.QUESTIONS:
        yield f"{question.number}. {question.text}"
        for name in question.traits:
            if name in profile.traits:
                yield f"   * {TRAITS[name].help}: `{profile.traits[name]!r}`"
            else:
                yield f"   * {TRAITS[name].help}: unknown; {profile.unknown.get(name, 'not tried')}"
        for command in question.commands:
            text = profile.texts.get(command, "not asked").replace("\n", "` `")
            yield f"   * `{command}`: `{text}`"
        if question.why_not:
            yield f"   * {question.why_not}"
    yield ""


def _items(profile: Profile) -> Iterator[str]:
    missing = [name for name in CONFIG_ITEMS if name not in profile.items]
    yield f"## AT+QSSLCFG items: {len(profile.items)} of {len(CONFIG_ITEMS)}"
    yield ""
    yield f"missing: {', '.join(missing) or 'none'}"
    yield ""


def _times(profile: Profile) -> Iterator[str]:
    yield "## Times"
    yield ""
    yield "| command | median, ms | worst, ms | documented, ms | times |"
    yield "| --- | ---: | ---: | ---: | ---: |"
    for name, timing in profile.times.items():
        known = COMMANDS.get(name_of(name))
        most = f"{1000 * known.max_time:.0f}" if known else ""
        yield f"| `{name}` | {timing.median_ms} | {timing.worst_ms} | {most} | {timing.count} |"
    yield ""


def _unknown(profile: Profile) -> Iterator[str]:
    yield f"## Not found out: {len(profile.unknown)}"
    yield ""
    for name, why in profile.unknown.items():
        yield f"* {name}: {why}"
