"""Checks of objects: what is refused, with which code, at which place; and what is not."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from support.campaigns_house import BASE, OTHER_BASE, OTHER_BRAND, CampaignsHouse
from switchbay.engagement.configuration.domain.catalogue import TYPES, ObjectType, references_of, with_other_ids
from switchbay.engagement.configuration.domain.checking import check_customer_types, check_object, check_settings
from switchbay.engagement.configuration.domain.findings import CODES
from switchbay.engagement.configuration.wire import Unfit, object_from
from switchbay.engagement.domain.objects import AudienceObject, BehaviorObject, ControlGroup, EngagementSettings

_ROOT = Path(__file__).parent.parent.parent.parent
APP = "6f1ed04e-4a52-4bd5-9d5a-1d3f9b1f0c11"


def _checked(type_: ObjectType, members: dict[str, Any]) -> list[tuple[str, str]]:
    """Codes and places of what is found in an object."""
    required: dict[str, Any] = {"engagement": {"campaignId": 1, "appInstallationId": APP}}.get(type_, {})
    try:
        one = object_from({"name": "Anything", **required, **members}, TYPES[type_], 1)
    except Unfit as error:
        return [(error.finding.code, error.finding.path)]
    return [(finding.code, finding.path) for finding in check_object(one)]


def _conditions(type_: ObjectType, *conditions: dict[str, Any]) -> list[tuple[str, str]]:
    return _checked(type_, {"conditions": list(conditions)})


@pytest.mark.parametrize(
    ("type_", "condition"),
    [
        ("location", {"type": "section", "include": ["shop", '"shoes"'], "exclude": ["legal"]}),
        ("location", {"type": "url", "include": [{"value": "^https://.*/cart$", "matchType": "regex"}]}),
        ("behavior", {"type": "visited_location", "include": [1], "exclude": [2]}),
        ("behavior", {"type": "time_on_location", "rules": [{"locationId": 1, "seconds": 30}]}),
        (
            "behavior",
            {
                "type": "flow",
                "steps": [
                    {"section": "cart"},
                    {"url": {"value": "pay"}, "required": False},
                    {"title": {"value": "Done"}},
                ],
                "trigger": "backflow",
            },
        ),
        ("behavior", {"type": "engaged_in_session", "include": ["exposed"], "exclude": ["declined"]}),
        ("behavior", {"type": "about_to_abandon"}),
        ("behavior", {"type": "cart_value", "min": 10.5, "max": 10.5}),
        ("behavior", {"type": "cart_value", "change": "emptied"}),
        ("behavior", {"type": "cart_items", "include": [{"name": "Shoe"}, {"sku": "1"}, {"category": "c"}]}),
        ("behavior", {"type": "visitor_error", "include": [{"message": "oops", "occurrence": 3}, {"code": "E1"}]}),
        ("behavior", {"type": "viewed_products", "exclude": [{"priceMin": 1}, {"name": "Shoe"}]}),
        ("behavior", {"type": "service_activity", "rules": [{"topic": "loan", "statuses": [0, 13]}]}),
        ("audience", {"type": "external_referral", "include": [{"value": "search"}]}),
        ("audience", {"type": "search_keywords", "include": ["shoes"]}),
        ("audience", {"type": "ip", "include": [{"from": "10.0.0.1", "to": "10.0.0.255"}]}),
        ("audience", {"type": "platform", "platforms": ["MOBILE"]}),
        ("audience", {"type": "geo_location", "include": [{"country": "DE", "city": "Berlin"}]}),
        ("audience", {"type": "returning_visitors", "visitors": "new"}),
        ("audience", {"type": "marketing_source", "channels": ["search"], "polarity": "exclude"}),
        ("audience", {"type": "customer_type", "types": ["gold"] * 110}),
        ("audience", {"type": "age", "min": 18, "max": 65}),
        ("audience", {"type": "balance", "max": -10}),
        ("audience", {"type": "customer_id", "include": ["c-1"]}),
        ("audience", {"type": "gender", "genders": ["FEMALE", "OTHER"]}),
        ("audience", {"type": "store_zip_code", "include": ["10115"]}),
        ("audience", {"type": "store_number", "exclude": ["7"]}),
        ("audience", {"type": "company_size", "min": 1}),
        ("audience", {"type": "registration_date", "unit": "months", "value": 6}),
        ("goal", {"type": "url", "url": "/thanks", "reachedCounter": 2}),
        ("goal", {"type": "purchase_total", "moreThan": 100}),
        ("goal", {"type": "num_of_pages", "numberOfPages": 5}),
        ("goal", {"type": "lead"}),
        ("goal", {"type": "service_activity", "blocks": [{"topics": ["loan"], "statuses": [1]}]}),
    ],
)
def test_every_kind_of_condition_is_taken_and_written_as_it_came(type_: ObjectType, condition: dict[str, Any]) -> None:
    assert _conditions(type_, condition) == []


WRONG: list[tuple[ObjectType, dict[str, Any], str, str]] = [
    ("location", {"type": "section"}, "list_empty", ""),
    ("location", {"type": "section", "include": [""]}, "text_invalid", "/include/0"),
    ("location", {"type": "section", "include": ["x"] * 201}, "list_too_long", "/include"),
    ("location", {"type": "section", "include": ["a\0b"]}, "text_invalid", "/include/0"),
    (
        "location",
        {"type": "url", "include": [{"value": "(", "matchType": "regex"}]},
        "regex_refused",
        "/include/0/value",
    ),
    ("location", {"type": "url", "include": [{"value": "x" * 1001}]}, "text_invalid", "/include/0/value"),
    (
        "location",
        {"type": "url", "exclude": [{"value": "(?=a)", "matchType": "regex"}]},
        "regex_refused",
        "/exclude/0/value",
    ),
    ("location", {"type": "cart_value", "min": 1}, "type_wrong", ""),
    ("behavior", {"type": "visited_location"}, "list_empty", ""),
    ("behavior", {"type": "time_on_location", "rules": []}, "list_empty", "/rules"),
    (
        "behavior",
        {"type": "time_on_location", "rules": [{"locationId": 1, "seconds": -1}]},
        "number_out_of_range",
        "/rules/0/seconds",
    ),
    ("behavior", {"type": "flow", "steps": [{"section": "a"}]}, "flow_too_short", "/steps"),
    ("behavior", {"type": "flow", "steps": [{"section": "a"}, {}]}, "choice_needed", "/steps/1"),
    ("behavior", {"type": "flow", "steps": [{"section": "a"}] * 21}, "list_too_long", "/steps"),
    ("behavior", {"type": "cart_value"}, "range_empty", ""),
    ("behavior", {"type": "cart_value", "min": 2, "max": 1}, "range_impossible", ""),
    ("behavior", {"type": "cart_value", "min": 2, "change": "decreased"}, "choice_needed", ""),
    ("behavior", {"type": "cart_items", "include": [{"name": "a", "sku": "b"}]}, "choice_needed", "/include/0"),
    ("behavior", {"type": "visitor_error", "include": [{}]}, "choice_needed", "/include/0"),
    (
        "behavior",
        {"type": "visitor_error", "include": [{"code": "E", "occurrence": 2}]},
        "choice_needed",
        "/include/0/occurrence",
    ),
    (
        "behavior",
        {"type": "viewed_products", "include": [{"priceMin": 2, "priceMax": 1}]},
        "range_impossible",
        "/include/0",
    ),
    (
        "behavior",
        {"type": "service_activity", "rules": [{"topic": "t", "statuses": [14]}]},
        "number_out_of_range",
        "/rules/0/statuses/0",
    ),
    ("audience", {"type": "external_referral", "include": []}, "list_empty", "/include"),
    ("audience", {"type": "ip", "include": [{"from": "10.0.0.2", "to": "10.0.0.1"}]}, "range_impossible", "/include/0"),
    ("audience", {"type": "ip", "include": [{"from": "::1", "to": "10.0.0.1"}]}, "ip_invalid", "/include/0/from"),
    ("audience", {"type": "platform", "platforms": []}, "list_empty", "/platforms"),
    ("audience", {"type": "platform", "platforms": ["WATCH"]}, "type_wrong", "/platforms/0"),
    ("audience", {"type": "geo_location", "include": [{}]}, "choice_needed", "/include/0"),
    ("audience", {"type": "marketing_source"}, "choice_needed", ""),
    ("audience", {"type": "customer_type"}, "list_empty", ""),
    ("audience", {"type": "customer_type", "types": ["a"], "statuses": ["b"]}, "types_and_statuses", ""),
    ("audience", {"type": "customer_type", "statuses": ["a"] * 111}, "customer_types_too_many", "/statuses"),
    ("audience", {"type": "age"}, "range_empty", ""),
    ("audience", {"type": "age", "min": 40, "max": 30}, "range_impossible", ""),
    ("audience", {"type": "age", "min": 151}, "number_out_of_range", "/min"),
    ("audience", {"type": "age", "min": "old"}, "type_wrong", "/min"),
    ("audience", {"type": "registration_date", "unit": "days", "value": -1}, "number_out_of_range", "/value"),
    ("audience", {"type": "shoe_size", "min": 40}, "type_wrong", "/type"),
    ("audience", {"type": "age", "min": 1, "colour": "red"}, "type_wrong", ""),
    ("goal", {"type": "url", "url": ""}, "text_invalid", "/url"),
    ("goal", {"type": "num_of_pages", "numberOfPages": 0}, "number_out_of_range", "/numberOfPages"),
    ("goal", {"type": "purchase_total", "moreThan": -1}, "number_out_of_range", "/moreThan"),
    (
        "goal",
        {"type": "service_activity", "blocks": [{"topics": [], "statuses": [1]}]},
        "list_empty",
        "/blocks/0/topics",
    ),
]


@pytest.mark.parametrize(("type_", "condition", "code", "path"), WRONG)
def test_a_condition_that_cannot_be_is_refused(
    type_: ObjectType, condition: dict[str, Any], code: str, path: str
) -> None:
    found = _conditions(type_, condition)
    if code == "type_wrong" and path in ("", "/type"):
        assert [each for each, _ in found] == [code]
    else:
        assert found == [(code, f"/conditions/0{path}")]


@pytest.mark.parametrize(
    ("type_", "members", "code", "path"),
    [
        ("goal", {"name": ""}, "name_invalid", "/name"),
        ("goal", {"name": "  "}, "name_invalid", "/name"),
        ("goal", {"name": "a\nb"}, "name_invalid", "/name"),
        ("goal", {"name": "x" * 129}, "name_invalid", "/name"),
        ("goal", {"name": 5}, "type_wrong", "/name"),
        ("goal", {"description": "x" * 1001}, "text_invalid", "/description"),
        ("goal", {"conversionDays": 32}, "number_out_of_range", "/conversionDays"),
        ("goal", {"conversionDays": 0}, "number_out_of_range", "/conversionDays"),
        ("goal", {"conditions": [{"type": "lead"}] * 51}, "list_too_long", "/conditions"),
        ("goal", {"color": "red"}, "type_wrong", ""),
        ("window", {"design": {"accentColor": "red"}}, "color_invalid", "/design/accentColor"),
        ("window", {"design": {"titles": {"not a tag": "x"}}}, "language_invalid", "/design/titles/not a tag"),
        ("window", {"design": {"corner": "middle"}}, "type_wrong", "/design/corner"),
        ("connector", {"issuer": "x" * 1001}, "text_invalid", "/issuer"),
        ("engagement", {"language": "english!"}, "language_invalid", "/language"),
        ("engagement", {"skillId": 0}, "reference_unknown", "/skillId"),
        ("engagement", {"skillId": 1 << 70}, "reference_unknown", "/skillId"),
        ("engagement", {"appInstallationId": "my app"}, "reference_unknown", "/appInstallationId"),
        ("engagement", {"entryPoints": [1] * 101}, "list_too_long", "/entryPoints"),
        ("engagement", {"consumerIdentity": "maybe"}, "type_wrong", "/consumerIdentity"),
        ("engagement", {"presentation": {"position": "embedded"}}, "text_invalid", "/presentation/container"),
        ("engagement", {"presentation": {"delaySeconds": 3601}}, "number_out_of_range", "/presentation/delaySeconds"),
        ("campaign", {"controlGroup": {"percentage": 7}}, "control_percentage_invalid", "/controlGroup/percentage"),
        ("campaign", {"controlGroup": {"percentage": 30}}, "control_percentage_invalid", "/controlGroup/percentage"),
        ("campaign", {"timeZone": "Mars/Olympus"}, "time_zone_unknown", "/timeZone"),
        ("campaign", {"timeZone": "../../etc/passwd"}, "time_zone_unknown", "/timeZone"),
        ("campaign", {"startDate": "2026-02-30T00:00:00"}, "date_invalid", "/startDate"),
        ("campaign", {"startDate": "2026-02-03T00:00:00Z"}, "date_invalid", "/startDate"),
        ("campaign", {"startDate": 1_700_000_000}, "type_wrong", "/startDate"),
        (
            "campaign",
            {"startDate": "2026-03-01T00:00:00", "expirationDate": "2026-03-01T00:00:00"},
            "frame_impossible",
            "/expirationDate",
        ),
        ("campaign", {"status": "archived"}, "type_wrong", "/status"),
        ("campaign", {"priority": "urgent"}, "type_wrong", "/priority"),
    ],
)
def test_an_object_that_cannot_be_is_refused(type_: ObjectType, members: dict[str, Any], code: str, path: str) -> None:
    assert _checked(type_, members) == [(code, path)]


def test_msgspecs_words_and_path_are_in_the_message() -> None:
    with pytest.raises(Unfit) as raised:
        object_from({"name": "x", "conditions": [{"type": "age", "min": "old"}]}, TYPES["audience"], 1)
    assert raised.value.finding.message == "Expected `int | null`, got `str` - at `$.conditions[0].min`"
    with pytest.raises(Unfit) as raised:
        object_from({"name": "x", "conditions": [{"type": "shoe_size"}]}, TYPES["audience"], 1)
    assert raised.value.finding.message == "Invalid value 'shoe_size' - at `$.conditions[0].type`"
    assert raised.value.finding.path == "/conditions/0/type"


def test_an_audience_has_types_or_statuses_never_both() -> None:
    kinds = ({"type": "customer_type", "types": ["gold"]}, {"type": "customer_type", "statuses": ["new"]})
    assert _conditions("audience", *kinds) == [("types_and_statuses", "/conditions")]


def test_the_audiences_of_an_account_name_110_types_in_all() -> None:
    def audience(name: str, first: int, last: int) -> AudienceObject:
        types: list[Any] = [f"{name} {number}" for number in range(first, last)]
        one = object_from(
            {"name": "x", "conditions": [{"type": "customer_type", "types": types}]}, TYPES["audience"], 1
        )
        assert isinstance(one, AudienceObject)
        return one

    assert check_customer_types([audience("t", 0, 60), audience("T", 0, 60), audience("u", 0, 50)]) == []
    (finding,) = check_customer_types([audience("t", 0, 60), audience("u", 0, 51)])
    assert (finding.code, finding.path) == ("customer_types_too_many", "/conditions")


def test_an_object_has_100_expressions_and_no_finding_is_reported_beyond_100() -> None:
    rules = [{"value": f"a{number}", "matchType": "regex"} for number in range(101)]
    assert _conditions("location", {"type": "url", "include": rules[:100]}) == []
    assert _conditions("location", {"type": "url", "include": rules}) == [("list_too_long", "/conditions")]
    assert len(_conditions("location", {"type": "section", "include": [""] * 200})) == 100


def test_expressions_that_would_explode_are_harmless_or_refused() -> None:
    harmless = {"value": "(a+)+$", "matchType": "regex"}
    huge = {"value": "((a{100}){100}){100}", "matchType": "regex"}
    assert _conditions("location", {"type": "url", "include": [harmless]}) == []
    assert _conditions("location", {"type": "url", "include": [huge]}) == [
        ("regex_refused", "/conditions/0/include/0/value")
    ]


def test_settings_are_checked() -> None:
    settings = EngagementSettings(control_group=ControlGroup(100), time_zone="Nowhere")
    assert [(each.code, each.path) for each in check_settings(settings)] == [
        ("control_percentage_invalid", "/controlGroup/percentage"),
        ("time_zone_unknown", "/timeZone"),
    ]


def test_every_code_is_documented_and_no_other() -> None:
    section = (_ROOT / "docs/reference/campaigns.md").read_text().partition("## Findings")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE)) == CODES
    source = (_ROOT / "src/switchbay/engagement/configuration").rglob("*.py")
    used = {code for path in source for code in re.findall(r'Finding\(\s*"([a-z_]+)"', path.read_text())}
    assert used == CODES


def test_references_are_found_and_replaced_wherever_they_stand() -> None:
    behavior = object_from(
        {
            "name": "x",
            "conditions": [
                {"type": "visited_location", "include": [1, 2], "exclude": [3]},
                {"type": "time_on_location", "rules": [{"locationId": 4, "seconds": 1}]},
                {"type": "about_to_abandon"},
            ],
        },
        TYPES["behavior"],
        9,
    )
    other = with_other_ids(behavior, {1: 11, 2: 12, 3: 13, 4: 14})
    assert isinstance(other, BehaviorObject)
    assert [(each.path, each.id) for each in references_of(other)] == [
        ("/conditions/0/include/0", 11),
        ("/conditions/0/include/1", 12),
        ("/conditions/0/exclude/0", 13),
        ("/conditions/1/rules/0/locationId", 14),
    ]
    engagement = object_from(
        {
            "name": "x",
            "campaignId": 1,
            "appInstallationId": APP,
            "entryPoints": [2],
            "behaviors": [3],
            "windowId": 4,
            "connectorId": 5,
        },
        TYPES["engagement"],
        9,
    )
    moved = with_other_ids(engagement, {number: number + 10 for number in range(1, 6)})
    assert [(each.path, each.type, each.id) for each in references_of(moved)] == [
        ("/campaignId", "campaign", 11),
        ("/entryPoints/0", "location", 12),
        ("/behaviors/0", "behavior", 13),
        ("/windowId", "window", 14),
        ("/connectorId", "connector", 15),
    ]
    assert with_other_ids(behavior, {}) == behavior


# Over the wire: nothing is stored of what is refused


async def test_refused_bodies_store_nothing(house: CampaignsHouse) -> None:
    app = await house.install(None)
    campaign = await house.make("campaigns")
    before = await house.state()
    wrong: list[tuple[str, bytes, int, str]] = [
        ("/goals", b"", 400, "malformed_json"),
        ("/goals", b"{", 400, "malformed_json"),
        ("/goals", b"[]", 400, "configuration_invalid"),
        ("/goals", b'{"name": "x", "conditions": [{"type": "lead", "when": 1}]}', 400, "configuration_invalid"),
        ("/goals", b'{"name": "x", "description": "' + b"x" * 300_000 + b'"}', 413, "body_too_large"),
        ("/goals", b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "malformed_json"),
        ("/goals", b'{"name": "\xff"}', 400, "malformed_json"),
        ("/campaigns/import", b"x" * 10_000_000, 413, "body_too_large"),
        ("/campaigns", b'{"name": "x", "audience": 99}', 400, "configuration_invalid"),
        ("/campaigns", b'{"name": "x", "status": "paused"}', 400, "configuration_invalid"),
    ]
    for path, body, status, code in wrong:
        answer = await house.call("POST", path, content=body)
        assert (path, answer.status_code, answer.json()["error"]["code"]) == (path, status, code)
    for members, path in (
        ({"entryPoints": [campaign["id"]]}, "/entryPoints/0"),  # an id, but not of a location
        ({"behaviors": [1 << 70]}, "/behaviors/0"),
        ({"windowId": -1}, "/windowId"),
        ({"skillId": 9}, "/skillId"),
        ({"campaignId": 77}, "/campaignId"),
        ({"appInstallationId": "6f1ed04e-4a52-4bd5-9d5a-1d3f9b1f0c11"}, "/appInstallationId"),
    ):
        engagement = {"name": "x", "campaignId": campaign["id"], "appInstallationId": app, **members}
        answer = await house.call("POST", "/engagements", engagement)
        (finding,) = answer.json()["error"]["detail"]["findings"]
        assert (answer.status_code, finding["code"], finding["path"]) == (400, "reference_unknown", path)
    assert await house.state() == before


async def test_another_accounts_items_and_apps_are_unknown(house: CampaignsHouse) -> None:
    theirs = await house.install(None, account=OTHER_BRAND)
    await house.make("goals", OTHER_BASE, "foreign")
    goal = await house.make("goals", OTHER_BASE, "foreign")
    campaign = await house.make("campaigns")
    before = await house.state()
    for path, body in (
        ("/engagements", {"name": "x", "campaignId": campaign["id"], "appInstallationId": theirs}),
        ("/campaigns", {"name": "x", "goal": goal["id"]}),
    ):
        answer = await house.call("POST", path, body)
        assert answer.json()["error"]["detail"]["findings"][0]["code"] == "reference_unknown"
    foreign = await house.call("POST", f"{BASE}/goals", {"name": "x"}, user="foreign")
    assert foreign.status_code == 401
    assert await house.state() == before


async def test_too_many_customer_types_are_refused_over_all_audiences(house: CampaignsHouse) -> None:
    types = [f"type {number}" for number in range(110)]
    await house.make("audiences", conditions=[{"type": "customer_type", "types": types}])
    before = await house.state()
    one_more = {"name": "x", "conditions": [{"type": "customer_type", "types": ["one more"]}]}
    answer = await house.call("POST", "/audiences", one_more)
    assert answer.json()["error"]["detail"]["findings"][0]["code"] == "customer_types_too_many"
    assert await house.state() == before
    again = {"name": "x", "conditions": [{"type": "customer_type", "types": ["TYPE 7"]}]}
    assert (await house.call("POST", "/audiences", again)).status_code == 201


async def test_an_account_has_only_so_many_objects(house: CampaignsHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TYPES, "goal", replace(TYPES["goal"], most=1))
    await house.make("goals")
    refused = await house.call("POST", "/goals", {"name": "x"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "configuration_full")
    assert refused.json()["error"]["detail"] == {"type": "goal"}
