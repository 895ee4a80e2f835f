"""A profile: written, read again, behaved like; the report that goes with it."""

import pytest

from bg95_host.errors import ToolError
from bg95_host.module_sim import SimOptions
from bg95_host.module_sim.traits import TRAITS
from bg95_host.probe import profile as profiles
from bg95_host.probe.probing import probe
from bg95_host.probe.report import markdown

from .combinations import agree, combination

IMEI = 15  # digits


@pytest.fixture
def probed(laboratory, tmp_path):
    """probed(traits, **options): a profile, and the file that it was written to."""

    def run(traits, **options):
        found = probe(
            laboratory.line(SimOptions(traits=traits, **options)), laboratory.allowed("1234")
        )
        found.write(tmp_path / "profile.toml")
        return found, tmp_path / "profile.toml"

    return run


@pytest.mark.parametrize("seed", [3, 5, 9])
def test_a_module_made_from_a_profile_has_the_same_profile(seed, probed):
    first, file = probed({**combination(seed), "sim": "READY", "registration": "home"})
    again, _ = probed(**profiles.sim_options(file))
    assert set(again.traits) == set(first.traits)
    assert all(agree(name, again.traits[name], value) for name, value in first.traits.items())
    assert first.differences and set(first.evidence) == set(first.traits)


def test_what_is_written_is_read(probed):
    found, file = probed({"prompt_space": False}, model="BG77")
    assert profiles.read(file) == found
    options = profiles.sim_options(file)
    assert options["model"] == "BG77" and options["traits"]["revision"].startswith("BG77LAR")


def test_neither_numbers_nor_secrets_are_written(laboratory, tmp_path):
    line = laboratory.line(SimOptions(traits={"sim": "SIM PIN"}))
    line.host.command('AT+QICSGP=15,1,"spare","me","sesame",1')
    imei = line.host.command("AT+GSN").split()[1].decode()
    found = probe(line, laboratory.allowed("1234"))
    found.write(tmp_path / "profile.toml")
    text = (tmp_path / "profile.toml").read_text() + markdown(found)
    assert found.traits["sim"] == "SIM PIN" and len(imei) == IMEI
    for secret in (imei, "1234", "sesame", "probe.bg95.test", "192.0.2.1"):
        assert secret not in text.replace("0123456789abcdef", "").replace("1234567890abcdef", "")


def test_the_report_says_what_differs_and_answers_the_open_questions(probed):
    found, _ = probed({"crypt_iv": "ab" * 16, "test_forms": "bg770a", "close_s": 2.0})
    text = markdown(found)
    differs = text[: text.index("## Answers")]
    assert "**crypt_iv** is `'" + "ab" * 16 in differs and "AT+QSSLCRYPT" in differs
    answers = text[text.index("## Answers") : text.index("## The open")]
    assert "documents  +CFUN: (0,1,4),(0,1)" in answers
    assert all(f"\n{number}. " in text for number in range(1, 18))
    assert "| `AT+QSSLCLOSE=` |" in text
    assert "* sim_pin: a secret" in text


def test_the_report_of_the_default_module_has_nothing_to_say(probed):
    text = markdown(probed({})[0])
    assert "from the documents: 0 of " in text and "Answers that differ: 0 of " in text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "not a profile"),
        ("version = 1", "not a profile"),
        ("version = 7\n[traits]\n", "not a profile"),
        ("version = 1\n[traits]\nnosuch = 1\n", "no trait"),
        ("version = 1\nmore = 1\n[traits]\n", "of this version"),
        ('version = 1\n[traits]\nboot_s = "soon"\n', "a number"),
        ("a = = 1", "not a profile"),
        (f"a = {'[' * 5000}", "not a profile: it is nested too deeply"),
        ("version = 1\nidentity = 7\n[traits]\n", "identity: "),
        ("version = 1\ntraits = 7\n", "traits: "),
        ("version = 1\n[traits]\n[times]\nAT = 7\n", "times.AT"),
        ('version = 1\n[traits]\n[times.AT]\nmedian_ms = "x"\n', "times.AT.median_ms: "),
    ],
)
def test_what_is_no_profile_is_refused_in_one_sentence(content, why, tmp_path):
    file = tmp_path / "profile.toml"
    file.write_text(content)
    with pytest.raises(ToolError, match=why):
        profiles.read(file)


def test_a_trait_on_the_command_line_goes_before_the_profiles(tmp_path):
    from bg95_host.cli._sim_options import sim_options

    file = tmp_path / "profile.toml"
    file.write_text(
        'version = 1\n[identity]\nmodel = "BG77"\n[traits]\nact = 7\nprompt_space = false\n'
    )
    options = sim_options(clock=None, resolve=None, fault=None, trait=["act=9"], profile=file)
    assert options.traits == {"act": "9", "prompt_space": False} and options.model == "BG77"
    assert TRAITS["prompt_space"].default is True
