"""Localised members: tags as RFC 5646 has them, look-up as RFC 4647 has it."""

import pytest

from switchbay.kit.jsonvalue import JsonValue
from switchbay.manifest.domain.localised import canonical_tag, look_up
from switchbay.manifest.public import Manifest, check_value, localise


@pytest.mark.parametrize(
    ("tag", "canonical"),
    [
        ("fr", "fr"),
        ("FR", "fr"),
        ("pt-br", "pt-BR"),
        ("ZH-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("de-DE-1996", "de-DE-1996"),
        ("sl-ROZAJ-biske", "sl-rozaj-biske"),
        ("en-US-u-ca-BUDDHIST", "en-US-u-ca-buddhist"),
        ("x-Klingon-Home", "x-klingon-home"),
        ("iw", "iw"),
    ],
)
def test_valid_tag_is_written_as_recommended_and_never_replaced(tag: str, canonical: str) -> None:
    assert canonical_tag(tag) == canonical
    assert canonical_tag(canonical) == canonical


@pytest.mark.parametrize(
    "tag",
    ["", "zz", "en_US", "en--US", "-en", "en-", "en-US-GB", "french", "fr-", "e", "é", "en-x", "x", "fr fr", "a" * 65],
)
def test_what_is_no_registered_tag_is_refused(tag: str) -> None:
    assert canonical_tag(tag) is None


@pytest.mark.parametrize(
    ("ranges", "found"),
    [
        (["fr-CA"], "fr"),
        (["FR-ca", "de"], "fr"),
        (["zh-Hant-CN-x-private1-private2"], "zh-Hant"),
        (["es", "pt-BR"], "pt-BR"),
        (["pt"], None),
        (["*"], None),
        ([""], None),
        ([], None),
        (["de-DE-x-a-b"], "de"),
    ],
)
def test_look_up_cuts_ranges_from_their_end(ranges: list[str], found: str | None) -> None:
    assert look_up(["fr", "de", "zh-Hant", "pt-BR"], ranges) == found


def _manifest(document: dict[str, JsonValue]) -> Manifest:
    manifest = check_value({"client_name": "name", **document}).manifest
    assert manifest is not None
    return manifest


def test_reader_gets_the_best_language_else_the_plain_text() -> None:
    manifest = _manifest({"display_name": "Shop", "display_name#fr": "Boutique", "display_name#PT-br": "Loja"})
    assert manifest.localised == {"display_name": {"fr": "Boutique", "pt-BR": "Loja"}}
    assert localise(manifest, "display_name", ["es", "fr-CA", "pt-BR"]) == "Boutique"
    assert localise(manifest, "display_name", ["pt-br"]) == "Loja"
    assert localise(manifest, "display_name", ["de"]) == "Shop"
    assert localise(manifest, "display_name", []) == "Shop"


def test_display_name_falls_back_to_the_localised_client_name() -> None:
    manifest = _manifest({"client_name#fr": "nom"})
    assert localise(manifest, "display_name", ["fr"]) == "nom"
    assert localise(manifest, "display_name", ["de"]) == "name"


def test_text_that_is_not_there_is_none() -> None:
    assert localise(_manifest({}), "description", ["fr"]) is None


def test_same_language_in_another_case_names_both_places() -> None:
    report = check_value({"client_name": "a", "client_name#pt-BR": "b", "client_name#PT-br": "c"})
    assert [(issue.code, issue.path) for issue in report.issues] == [("duplicate_language_tag", "/client_name#PT-br")]
    assert [place.path for place in report.issues[0].also_at] == ["/client_name#pt-BR"]
