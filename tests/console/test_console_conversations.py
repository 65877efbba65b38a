"""The pages that show conversations: who sees them, what they say, and that nothing of what was said runs in them."""

import re
from typing import Any

import pytest

from support.accounts_house import PASSWORD
from support.browser import Browser, Page
from support.console_house import House
from support.files_house import picture
from support.oauth_stage import ACCOUNT, OTHER_ACCOUNT
from switchbay.accounts.public import OPERATOR, AccountChange, Role
from switchbay.accounts.public import User as AccountUser
from switchbay.console.moments import moment, span
from switchbay.messaging.domain import (
    AddParticipant,
    AgentCaller,
    Audience,
    CloseConversation,
    CloseDialog,
    Command,
    ConsumerCaller,
    Open,
    OpenDialog,
    Publish,
    RemoveParticipant,
    SetSkill,
    Step,
)
from switchbay.messaging.domain import Role as Part
from switchbay.messaging.wire.events import AGENT_STATUSES, parse_event

LIST = f"/console/{ACCOUNT}/conversations"
KIM = ConsumerCaller(None, "a" * 64)
LEE = ConsumerCaller(None, "b" * 64)
ONE_ENGINE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For what does not depend on where it is stored."""
NASTY = '<script>alert(1)</script> & "quotes"'


@pytest.fixture
async def browser(house: House) -> Browser:
    """The browser of a logged-in administrator."""
    browser = house.browser()
    await house.log_in(browser, "admin")
    return browser


@pytest.fixture
async def agent(house: House) -> AccountUser:
    """The agent who talks to consumers."""
    found = await house.stage.accounts.find_user_by_login(ACCOUNT, "agent")
    assert found is not None
    return found


async def begin(house: House, who: ConsumerCaller = KIM, account: str = ACCOUNT, **profile: str) -> str:
    """Open a conversation."""
    conversation = house.messaging.new_conversation_id()
    opening = Open("-1", "NORMAL", 600)
    await house.messaging.submit(Command(account, who, conversation, open=opening, profile=profile or None))
    return conversation


async def do(house: House, caller: Any, conversation: str, *steps: Step) -> None:
    await house.messaging.submit(Command(ACCOUNT, caller, conversation, steps))


def said(event: dict[str, Any] | str, audience: Audience = Audience.ALL, dialog: str = "") -> Publish:
    given = {"type": "ContentEvent", "contentType": "text/plain", "message": event} if isinstance(event, str) else event
    return Publish(dialog, parse_event(given, characters=1_000, statuses=AGENT_STATUSES), audience)


def rows(page: Page) -> list[list[str]]:
    """The cells of the list, without its head."""
    found = re.findall(r"<tr>(.*?)</tr>", page.answer.text, re.DOTALL)[1:]
    return [[words(cell) for cell in re.findall(r"<td.*?>(.*?)</td>", row, re.DOTALL)] for row in found]


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def messages(page: Page) -> list[tuple[str, str]]:
    """The classes of the messages of a transcript, and everything that they say."""
    listed = re.search(r'<ol class="said">.*</ol>', page.answer.text, re.DOTALL)
    found = (
        re.findall(r'<li class="((?:consumers|agents)[^"]*)">\n(.*?)\n</li>\n(?=<li|</ol>)', listed[0], re.DOTALL)
        if listed
        else []
    )
    return [(names, words(inner)) for names, inner in found]


# Who


@ONE_ENGINE
@pytest.mark.parametrize("path", [LIST, f"{LIST}/x", f"{LIST}/x/files/y"])
async def test_without_a_session_the_login_page_comes_first(house: House, path: str) -> None:
    assert (await house.browser().open(path)).heading == "Log in"


@ONE_ENGINE
@pytest.mark.parametrize("name", ["agent", "developer"])
async def test_agents_and_developers_do_not_see_them(house: House, name: str) -> None:
    conversation = await begin(house)
    browser = house.browser()
    await house.log_in(browser, name)
    for path in (LIST, f"{LIST}/{conversation}", f"{LIST}/{conversation}/files/{'0' * 40}"):
        page = await browser.open(path)
        assert (page.status, "role_missing" in page.text, conversation in page.text) == (403, True, False)
    assert "Conversations" not in (await browser.open(f"/launch/{ACCOUNT}")).text


@ONE_ENGINE
async def test_managers_see_them_and_find_them_in_the_menu(house: House) -> None:
    await begin(house)
    await house.stage.accounts.create_user(ACCOUNT, "agent-manager", PASSWORD, [Role.AGENT_MANAGER], OPERATOR)
    browser = house.browser()
    await house.log_in(browser, "agent-manager")
    assert f'href="{LIST}"' in (await browser.open(f"/launch/{ACCOUNT}")).answer.text
    assert len(rows(await browser.open(LIST))) == 1


async def test_another_account_s_conversations_are_not_there(house: House, browser: Browser) -> None:
    foreign = await begin(house, account=OTHER_ACCOUNT)
    assert rows(await browser.open(f"{LIST}?state=all")) == []
    assert (await browser.open(f"{LIST}/{foreign}")).status == 404


# The list


async def test_the_list_tells_state_skill_waiting_time_and_agent(
    house: House, browser: Browser, agent: AccountUser
) -> None:
    skill = await house.routing.configuration.create_skill(ACCOUNT, "Sales & more", "", OPERATOR)
    first = await begin(house, firstName="Kim", lastName="Doe")
    caller = AgentCaller(agent.user_pid)
    await do(house, caller, first, AddParticipant(agent.user_pid, Part.ASSIGNED_AGENT))
    await do(house, caller, first, SetSkill(skill.skill_id), said("Hello"))
    house.stage.clock.advance(seconds=60)
    began = moment(house.stage.clock.now_ms())
    await begin(house, LEE)
    house.stage.clock.advance(seconds=7_500)
    shown = rows(await browser.open(LIST))
    assert [row[:5] for row in shown] == [
        ["Consumer bbbbbbbb", "Waiting", "2 h 5 min", "–", "–"],
        ["Kim Doe", "With an agent", "–", "Sales &amp; more", "agent"],
    ]
    assert shown[0][5] == began


async def test_what_went_back_to_the_queue_waits_though_it_was_answered(
    house: House, browser: Browser, agent: AccountUser
) -> None:
    conversation, caller = await begin(house), AgentCaller(agent.user_pid)
    joining, leaving = AddParticipant(agent.user_pid, Part.ASSIGNED_AGENT), RemoveParticipant(agent.user_pid)
    await do(house, caller, conversation, joining, said("One moment"))
    await do(house, caller, conversation, leaving)
    house.stage.clock.advance(seconds=180)
    assert [row[1:3] for row in rows(await browser.open(LIST))] == [["Waiting", "3 min"]]


async def test_the_list_holds_what_is_open_or_closed_or_all(house: House, browser: Browser) -> None:
    closed = await begin(house)
    await do(house, KIM, closed, CloseConversation())
    await begin(house, LEE)
    assert [row[1] for row in rows(await browser.open(LIST))] == ["Waiting"]
    assert [row[1] for row in rows(await browser.open(f"{LIST}?state=closed"))] == ["Closed"]
    assert sorted(row[1] for row in rows(await browser.open(f"{LIST}?state=all"))) == ["Closed", "Waiting"]


async def test_older_ones_are_on_the_next_page(house: House, browser: Browser) -> None:
    opened = []
    for _ in range(51):
        opened.append(await begin(house))
        house.stage.clock.advance(ms=1)
    first = await browser.open(LIST)
    assert len(rows(first)) == 50
    older = re.search(r'href="([^"]*before=[^"]*)"', first.answer.text)
    assert older is not None
    second = await browser.open(older[1].replace("&amp;", "&"))
    assert (len(rows(second)), opened[0] in second.answer.text) == (1, True)


@ONE_ENGINE
@pytest.mark.parametrize("query", ["state=open'", "before=x", "before=-1.x", "before=1%00.a%00", "before=" + "9" * 40])
async def test_addresses_that_no_page_has_are_refused(browser: Browser, query: str) -> None:
    page = await browser.open(f"{LIST}?{query}")
    assert (page.status, "page_address_invalid" in page.text) == (400, True)


async def test_messages_are_found_by_their_words(house: House, browser: Browser) -> None:
    conversation = await begin(house)
    await do(house, KIM, conversation, said(f"where is my parcel? {NASTY}"))
    await house.history.indexer.index_once()
    page = await browser.open(f"{LIST}?q=parcel")
    assert f'href="{LIST}/{conversation}"' in page.answer.text
    assert "<mark>parcel</mark>? &lt;script&gt;" in page.answer.text
    assert "No message has these words." in (await browser.open(f"{LIST}?q=letter")).text
    refused = await browser.open(f"{LIST}?q=%22")
    assert (refused.status, 'role="alert"' in refused.answer.text) == (200, True)


# One conversation


async def test_a_transcript_shows_every_kind_of_message(house: House, browser: Browser, agent: AccountUser) -> None:
    conversation = await begin(house, firstName="Kim")
    caller = AgentCaller(agent.user_pid)
    card = {
        "type": "RichContentEvent",
        "content": {
            "type": "vertical",
            "elements": [{"type": "text", "text": "Runner 3", "style": {"color": "#a1260d"}}],
        },
    }
    replies = {
        "type": "quickReplies",
        "itemsPerRow": 2,
        "replies": [{"type": "button", "title": "Yes", "click": {"actions": [{"type": "publishText", "text": "Yes"}]}}],
    }
    question = {"type": "ContentEvent", "contentType": "text/plain", "message": "Shall I?", "quickReplies": replies}
    await do(house, KIM, conversation, said("Hello"))
    await do(house, caller, conversation, AddParticipant(agent.user_pid, Part.ASSIGNED_AGENT))
    read = {"type": "AcceptStatusEvent", "status": "READ", "sequenceList": [0]}
    await do(house, caller, conversation, said(read), said(card), said(question))
    await do(house, caller, conversation, said("is this one real?", Audience.AGENTS_AND_MANAGERS))
    page = await browser.open(f"{LIST}/{conversation}")
    at = moment(house.stage.clock.now_ms())
    assert page.heading == "Kim"
    assert messages(page) == [
        ("consumers", f"Kim (consumer), {at} · read Hello"),
        ("agents", f"agent (agent), {at} Runner 3"),
        ("agents", f"agent (agent), {at} Shall I? Yes → says “Yes”"),
        ("agents private", f"agent (agent), {at} Private is this one real?"),
    ]
    assert ".sc-look-0{color:#a1260d}" in page.answer.text


@ONE_ENGINE
async def test_dialogs_are_shown_one_after_the_other(house: House, browser: Browser, agent: AccountUser) -> None:
    await house.stage.accounts.update_account(ACCOUNT, AccountChange(survey_app="bot"), OPERATOR)
    conversation = await begin(house)
    caller = AgentCaller(agent.user_pid)
    inner = "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a77"
    await do(house, caller, conversation, AddParticipant(agent.user_pid, Part.ASSIGNED_AGENT), OpenDialog(inner))
    await do(house, caller, conversation, said("between us", Audience.AGENTS_AND_MANAGERS, inner))
    page = await browser.open(f"{LIST}/{conversation}")
    headings = [words(one) for one in re.findall(r"<h2[^>]*>(.*?)</h2>", page.answer.text)]
    assert headings == ["Conversation, open", "Among agents, open"]
    assert "between us" in page.text
    await do(house, caller, conversation, CloseDialog(conversation))
    page = await browser.open(f"{LIST}/{conversation}")
    headings = [words(one) for one in re.findall(r"<h2[^>]*>(.*?)</h2>", page.answer.text)]
    assert headings == ["Conversation, closed", "Survey, open", "Among agents, closed"]
    assert [row[1] for row in rows(await browser.open(f"{LIST}?state=all"))] == ["In a survey"]


@ONE_ENGINE
async def test_nothing_of_what_was_said_is_more_than_text(house: House, browser: Browser) -> None:
    conversation = await begin(house, firstName=NASTY)
    await do(house, KIM, conversation, said(NASTY))
    for path in (LIST, f"{LIST}/{conversation}"):
        page = await browser.open(path)
        assert page.answer.text.count("<script") == 1, "our own, which looks again"
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;quotes&#34;" in page.answer.text
        policy = page.answer.headers["content-security-policy"]
        assert re.search(r"script-src 'sha256-[^']+'(;|$)", policy)
        assert "connect-src 'self'" in policy
        assert "unsafe" not in policy


@ONE_ENGINE
async def test_only_what_goes_on_is_looked_at_again(house: House, browser: Browser) -> None:
    conversation = await begin(house)
    assert (await browser.open(f"{LIST}/{conversation}")).answer.text.count("<script") == 1
    await do(house, KIM, conversation, CloseConversation())
    page = await browser.open(f"{LIST}/{conversation}")
    assert (page.answer.text.count("<script"), 'data-over="1"' in page.answer.text) == (0, True)
    assert (await browser.open(f"{LIST}?q=word")).answer.text.count("<script") == 0


@ONE_ENGINE
async def test_a_file_is_led_to_by_a_signed_address(house: House, browser: Browser) -> None:
    conversation, content = await begin(house), picture()
    address = await house.files.generate_upload_url(ACCOUNT, KIM, None, len(content), "PNG")
    uploaded = await house.http.put(address.relative_path, params=address.query, content=content)
    assert uploaded.status_code == 201
    message = {"caption": "my <b>shoes</b>", "relativePath": address.relative_path, "fileType": "PNG"}
    command = Command(
        ACCOUNT, KIM, conversation, (said({"type": "ContentEvent", "contentType": "hosted/file", "message": message}),)
    )
    await house.messaging.submit(await house.files.admit(command))
    page = await browser.open(f"{LIST}/{conversation}")
    assert "my &lt;b&gt;shoes&lt;/b&gt;" in page.answer.text
    path = re.search(r'<a href="([^"]*/files/[^"]*)"', page.answer.text)
    preview = re.search(r'<img src="([^"]*preview=1)"', page.answer.text)
    assert path is not None
    assert preview is not None
    assert (await browser.open(path[1])).answer.content == content
    assert (await browser.open(preview[1])).answer.headers["content-type"] == "image/jpeg"
    assert (await browser.open(f"{LIST}/{conversation}/files/{'0' * 40}")).status == 404


@ONE_ENGINE
@pytest.mark.parametrize("wrong", ["x", "6c5a36a1-9b1f-4b4f-9a1e-0c7d3f1f2a77", "%00", "..%2F.."])
async def test_what_is_no_conversation_is_not_there(browser: Browser, wrong: str) -> None:
    assert (await browser.open(f"{LIST}/{wrong}")).status == 404


@ONE_ENGINE
async def test_what_was_erased_says_so(house: House, browser: Browser) -> None:
    conversation = await begin(house)
    await do(house, KIM, conversation, said("my address"))
    await house.history.erasing.request(ACCOUNT, KIM.consumer_id, OPERATOR)
    while await house.history.erasing.erase_once():
        pass
    page = await browser.open(f"{LIST}/{conversation}")
    at = moment(house.stage.clock.now_ms())
    assert page.heading == "Erased consumer"
    assert messages(page) == [("consumers", f"Erased consumer (consumer), {at} Erased.")]


# Words


@pytest.mark.parametrize(
    ("milliseconds", "told"),
    [(-5, "0 min"), (59_999, "0 min"), (60_000, "1 min"), (3_600_000, "1 h 0 min"), (93_784_000, "1 d 2 h")],
)
def test_spans_are_told_by_their_largest_units(milliseconds: int, told: str) -> None:
    assert span(milliseconds) == told
