"""Second factors: one-time passwords by time, recovery codes, and what guards them."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pyotp
import pytest
import sqlalchemy as sa

from support.accounts_app import serve
from support.accounts_house import ACCOUNT, HOME, OTHER, PASSWORD, House, cheap_passwords
from switchbay.accounts.domain.second_factor import enrolment, matching_step, recovery_code_from
from switchbay.accounts.public import OPERATOR, Accounts, Login, Role, SecondFactorNeeded, UserChange
from switchbay.accounts.tables import second_factors
from switchbay.infra.machine import ManualClock, Randomness
from switchbay.infra.vault import Vault
from switchbay.kit.errors import AppError
from switchbay.kit.secret import Secret

STEP_MS = 30_000
MINUTES = 60
ELSEWHERE = "203.0.113.9"


class Device:
    """The authenticator app of ``bob``, and his recovery codes."""

    def __init__(self, house: House, secret: Secret) -> None:
        self.house = house
        self.totp = pyotp.TOTP(secret.reveal())
        self.recovery: list[Secret] = []

    def code(self, steps: int = 0) -> Secret:
        """The code of now, or of so many steps from now."""
        return Secret(self.totp.generate_otp(self.house.clock.now_ms() // STEP_MS + steps))

    def wrong(self) -> Secret:
        """Six digits that are no code of about now."""
        near = {self.code(steps).reveal() for steps in range(-2, 3)}
        return Secret(
            next(text for text in ("000000", "111111", "222222", "333333", "444444", "5") if text not in near)
        )


@pytest.fixture
async def device(house: House) -> Device:
    """Bob has a second factor, whose last code was taken a step ago."""
    bob, actor = house.agent.user_id, house.acting(house.agent)
    made = await house.accounts.begin_second_factor(ACCOUNT, bob, actor)
    device = Device(house, made.secret)
    device.recovery = await house.accounts.confirm_second_factor(ACCOUNT, bob, device.code(), actor)
    house.clock.advance(ms=2 * STEP_MS)
    return device


async def log_in(house: House, code: Secret | None, *, address: str = HOME, password: Secret = PASSWORD) -> Login:
    return await house.accounts.login(ACCOUNT, "bob", password, address, code=code)


async def refused(house: House, code: Secret | None, *, address: str = HOME) -> str:
    """The code of the refusal of a login; it must have opened no session."""
    before = await house.accounts.list_sessions(ACCOUNT)
    with pytest.raises(AppError) as error:
        await log_in(house, code, address=address)
    assert await house.accounts.list_sessions(ACCOUNT) == before
    return error.value.code


# The codes themselves


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
    ],
)
def test_codes_are_those_of_the_vectors_of_rfc_6238(seconds: int, code: str) -> None:
    assert matching_step(b"12345678901234567890", code, seconds * 1_000, 0) == seconds // 30


@pytest.mark.parametrize(("steps", "taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_code_counts_one_step_to_each_side(steps: int, taken: bool) -> None:
    secret = b"12345678901234567890"
    code = pyotp.TOTP("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").generate_otp(1_000 + steps)
    assert (matching_step(secret, code, 1_000 * STEP_MS, 0) is not None) is taken


@pytest.mark.parametrize("code", ["", "28708", "2870820", "٢٨٧٠٨٢", "28708a", "-87082", "287082\n"])
def test_what_is_not_six_digits_is_no_code(code: str) -> None:
    assert matching_step(b"12345678901234567890", code, 59_000, 0) is None


def test_the_uri_is_one_that_authenticator_apps_read() -> None:
    made = enrolment(b"12345678901234567890", "ada:lovelace@example.com", "Brand: & Söhne")
    parsed = pyotp.parse_uri(made.uri.reveal())
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name, parsed.issuer) == (
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
        "ada lovelace@example.com",
        "Brand  & Söhne",
    )
    assert (parsed.digits, parsed.interval, parsed.at(59)) == (6, 30, "287082")


def test_a_recovery_code_has_sixteen_letters_and_digits_in_groups() -> None:
    assert recovery_code_from(bytes(range(10))).reveal() == "aaaq-eaye-auda-ocaj"


# Setting up


async def test_what_is_set_up_but_not_confirmed_is_not_asked_for(house: House) -> None:
    await house.accounts.begin_second_factor(ACCOUNT, house.agent.user_id, house.acting(house.agent))
    opened = await log_in(house, None)
    assert opened.principal.amr == ("pwd",)


async def test_a_code_confirms_it_and_gives_ten_recovery_codes(house: House, device: Device) -> None:
    state = await house.accounts.find_second_factor(ACCOUNT, house.agent.user_id)
    assert state is not None
    assert (state.confirmed_at, state.recovery_codes_left) == (house.clock.now_ms() - 2 * STEP_MS, 10)
    assert len({code.reveal() for code in device.recovery}) == 10
    assert (await house.actions())[-2:] == ["user.second_factor_begin", "user.second_factor_add"]


async def test_a_wrong_code_does_not_confirm_it(house: House) -> None:
    bob, actor = house.agent.user_id, house.acting(house.agent)
    device = Device(house, (await house.accounts.begin_second_factor(ACCOUNT, bob, actor)).secret)
    with pytest.raises(AppError) as error:
        await house.accounts.confirm_second_factor(ACCOUNT, bob, device.wrong(), actor)
    assert error.value.code == "second_factor_refused"
    state = await house.accounts.find_second_factor(ACCOUNT, bob)
    assert state is not None
    assert (state.confirmed_at, state.recovery_codes_left) == (None, 0)


async def test_beginning_again_makes_another_secret(house: House) -> None:
    bob, actor = house.agent.user_id, house.acting(house.agent)
    old = Device(house, (await house.accounts.begin_second_factor(ACCOUNT, bob, actor)).secret)
    new = Device(house, (await house.accounts.begin_second_factor(ACCOUNT, bob, actor)).secret)
    with pytest.raises(AppError):
        await house.accounts.confirm_second_factor(ACCOUNT, bob, old.code(), actor)
    assert len(await house.accounts.confirm_second_factor(ACCOUNT, bob, new.code(), actor)) == 10


async def test_one_that_is_in_use_is_not_replaced(house: House, device: Device) -> None:
    bob, actor = house.agent.user_id, house.acting(house.agent)
    for attempt in (
        house.accounts.begin_second_factor(ACCOUNT, bob, actor),
        house.accounts.confirm_second_factor(ACCOUNT, bob, device.code(), actor),
    ):
        with pytest.raises(AppError) as error:
            await attempt
        assert error.value.code == "second_factor_exists"
    assert (await log_in(house, device.code())).principal.amr == ("pwd", "otp", "mfa")


async def test_the_secret_and_the_recovery_codes_are_not_readable_in_the_database(house: House, device: Device) -> None:
    row = await house.db.read(lambda tx: tx.fetch_one(sa.select(second_factors)))
    assert row is not None
    assert pyotp.TOTP(device.totp.secret).byte_secret() not in row["secret"]
    for code in device.recovery:
        assert code.reveal() not in row["recovery_hashes"]
        assert code.reveal().replace("-", "") not in row["recovery_hashes"]


async def test_the_factor_of_one_account_is_nothing_at_another(house: House, device: Device) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    namesake = await house.accounts.create_user(OTHER, "bob", PASSWORD, [Role.AGENT], OPERATOR)
    opened = await house.accounts.login(OTHER, "bob", PASSWORD, HOME)
    assert (opened.principal.user_id, opened.principal.amr) == (namesake.user_id, ("pwd",))


# Logging in


async def test_the_password_alone_opens_no_session(house: House, device: Device) -> None:
    assert await refused(house, None) == "second_factor_missing"


async def test_password_and_code_open_a_session_that_says_so(house: House, device: Device) -> None:
    opened = await log_in(house, device.code())
    principal = await house.accounts.authenticate(ACCOUNT, opened.bearer.reveal())
    assert (principal.amr, principal.auth_time) == (("pwd", "otp", "mfa"), house.clock.now_ms())


@pytest.mark.parametrize("form", ["{0}{1}", " {0} {1} ", "{0}-{1}"])
async def test_blanks_and_hyphens_in_a_code_do_not_matter(house: House, device: Device, form: str) -> None:
    code = device.code().reveal()
    assert (await log_in(house, Secret(form.format(code[:3], code[3:])))).principal.login_name == "bob"


@pytest.mark.parametrize("code", ["", "abc", "0" * 65, "\ud800", "12345\x00"])
async def test_what_cannot_be_a_code_is_a_wrong_one(house: House, device: Device, code: str) -> None:
    assert await refused(house, Secret(code)) == "second_factor_invalid"


async def test_a_code_is_taken_once(house: House, device: Device) -> None:
    code = device.code()
    await log_in(house, code)
    assert await refused(house, code) == "second_factor_invalid"


async def test_the_code_that_confirmed_the_factor_opens_no_session(house: House) -> None:
    bob, actor = house.agent.user_id, house.acting(house.agent)
    device = Device(house, (await house.accounts.begin_second_factor(ACCOUNT, bob, actor)).secret)
    await house.accounts.confirm_second_factor(ACCOUNT, bob, device.code(), actor)
    assert await refused(house, device.code()) == "second_factor_invalid"


async def test_an_older_code_is_not_taken_after_a_newer_one(house: House, device: Device) -> None:
    await log_in(house, device.code(1))
    assert await refused(house, device.code(0)) == "second_factor_invalid"
    assert await refused(house, device.code(-1)) == "second_factor_invalid"


async def test_of_one_code_used_many_times_at_once_on_two_nodes_one_counts(
    house: House, device: Device, randomness: Randomness, vault: Vault
) -> None:
    elsewhere = Accounts(house.db, house.clock, randomness, vault, password_hashing=cheap_passwords())
    code = device.code()
    tickets = []
    for room in (house.accounts, elsewhere) * 5:
        asked = await room.begin_login(ACCOUNT, "bob", PASSWORD, HOME)
        assert isinstance(asked, SecondFactorNeeded)
        tickets.append((room, asked.ticket))
    await house.warm()
    outcomes = await asyncio.gather(
        *(room.finish_login(ACCOUNT, ticket, code, HOME) for room, ticket in tickets), return_exceptions=True
    )
    assert sum(isinstance(outcome, Login) for outcome in outcomes) == 1
    rest = {outcome.code for outcome in outcomes if isinstance(outcome, AppError)}
    assert rest <= {"second_factor_invalid", "login_throttled"}
    assert len(await house.accounts.list_sessions(ACCOUNT, user_id=house.agent.user_id)) == 1
    await elsewhere.stop()


async def test_a_recovery_code_works_once(house: House, device: Device) -> None:
    opened = await log_in(house, device.recovery[3])
    assert opened.principal.amr == ("pwd", "mfa")
    state = await house.accounts.find_second_factor(ACCOUNT, house.agent.user_id)
    assert state is not None
    assert state.recovery_codes_left == 9
    assert await refused(house, device.recovery[3]) == "second_factor_invalid"
    assert (await log_in(house, Secret(device.recovery[4].reveal().upper()))).principal.amr == ("pwd", "mfa")


async def test_wrong_codes_run_into_the_throttle_of_wrong_passwords(house: House, device: Device) -> None:
    for _ in range(5):
        assert await refused(house, device.wrong()) == "second_factor_invalid"
    assert await refused(house, device.code()) == "login_throttled"
    assert await refused(house, None) == "login_throttled"
    house.clock.advance(seconds=60)
    assert (await log_in(house, device.code())).principal.login_name == "bob"


async def test_the_right_password_alone_forgives_no_wrong_codes(house: House, device: Device) -> None:
    for _ in range(4):
        assert await refused(house, device.wrong()) == "second_factor_invalid"
        assert await refused(house, None) == "second_factor_missing"
    assert await refused(house, device.wrong()) == "second_factor_invalid"
    assert await refused(house, None) == "login_throttled"


async def test_guesses_sent_at_once_get_no_further_than_five(house: House, device: Device) -> None:
    asked = await house.accounts.begin_login(ACCOUNT, "bob", PASSWORD, HOME)
    assert isinstance(asked, SecondFactorNeeded)
    await house.warm()
    outcomes = await asyncio.gather(
        *(house.accounts.finish_login(ACCOUNT, asked.ticket, device.wrong(), HOME) for _ in range(20)),
        return_exceptions=True,
    )
    codes = [outcome.code for outcome in outcomes if isinstance(outcome, AppError)]
    assert (codes.count("second_factor_invalid"), codes.count("login_throttled")) == (5, 15)


async def test_guesses_from_many_networks_are_slowed_down_together(house: House, device: Device) -> None:
    for number in range(50):
        assert await refused(house, device.wrong(), address=f"203.0.113.{number}") == "second_factor_invalid"
    assert await refused(house, device.code(), address="203.0.113.77") == "login_throttled"


# The ticket between password and code


async def ticket_of(house: House) -> Secret:
    asked = await house.accounts.begin_login(ACCOUNT, "bob", PASSWORD, HOME)
    assert isinstance(asked, SecondFactorNeeded)
    return asked.ticket


async def finish(house: House, ticket: Secret, code: Secret, account: str = ACCOUNT) -> str:
    before = await house.accounts.list_sessions(ACCOUNT)
    with pytest.raises(AppError) as error:
        await house.accounts.finish_login(account, ticket, code, HOME)
    assert await house.accounts.list_sessions(ACCOUNT) == before
    return error.value.code


async def test_a_ticket_lives_for_five_minutes(house: House, device: Device) -> None:
    ticket = await ticket_of(house)
    house.clock.advance(seconds=5 * MINUTES, ms=-1)
    assert (await house.accounts.finish_login(ACCOUNT, ticket, device.code(), HOME)).principal.login_name == "bob"
    ticket = await ticket_of(house)
    house.clock.advance(seconds=5 * MINUTES)
    assert await finish(house, ticket, device.code()) == "login_ticket_invalid"


@pytest.mark.parametrize("ticket", ["", "x", "é", "AAAA" * 400, "AXR0ZXN0"])
async def test_a_ticket_that_nobody_gave_is_refused(house: House, device: Device, ticket: str) -> None:
    assert await finish(house, Secret(ticket), device.code()) == "login_ticket_invalid"


async def test_a_ticket_is_for_its_account(house: House, device: Device) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    assert await finish(house, await ticket_of(house), device.code(), OTHER) == "login_ticket_invalid"


async def test_a_ticket_ends_with_the_password(house: House, device: Device) -> None:
    ticket = await ticket_of(house)
    house.clock.advance(ms=1)
    await house.accounts.set_password(ACCOUNT, house.agent.user_id, Secret("another horse"), OPERATOR)
    assert await finish(house, ticket, device.code()) == "login_failed"


async def test_a_ticket_does_not_help_a_user_who_was_disabled(house: House, device: Device) -> None:
    ticket = await ticket_of(house)
    await house.accounts.update_user(ACCOUNT, house.agent.user_id, UserChange(enabled=False), OPERATOR)
    assert await finish(house, ticket, device.code()) == "login_failed"


async def test_a_ticket_does_not_replace_a_factor_that_was_removed(house: House, device: Device) -> None:
    ticket = await ticket_of(house)
    await house.accounts.take_second_factor(ACCOUNT, house.agent.user_id, OPERATOR)
    assert await finish(house, ticket, device.code()) == "login_ticket_invalid"


# Removing


async def test_its_user_removes_it_with_a_code(house: House, device: Device) -> None:
    bob, actor = house.agent.user_id, house.acting(house.agent)
    await house.accounts.remove_second_factor(ACCOUNT, bob, device.code(), actor)
    assert await house.accounts.find_second_factor(ACCOUNT, bob) is None
    assert (await house.actions())[-1] == "user.second_factor_remove"
    assert (await log_in(house, None)).principal.amr == ("pwd",)


async def test_a_wrong_code_removes_nothing_and_is_counted(house: House, device: Device) -> None:
    bob, actor = house.agent.user_id, house.acting(house.agent)
    codes = []
    for _ in range(6):
        with pytest.raises(AppError) as error:
            await house.accounts.remove_second_factor(ACCOUNT, bob, device.wrong(), actor)
        codes.append(error.value.code)
    assert codes == ["second_factor_refused"] * 5 + ["login_throttled"]
    assert await refused(house, None) == "login_throttled"
    house.clock.advance(seconds=60)
    assert await refused(house, None) == "second_factor_missing"


async def test_new_recovery_codes_end_the_old_ones(house: House, device: Device) -> None:
    bob, actor = house.agent.user_id, house.acting(house.agent)
    codes = await house.accounts.renew_recovery_codes(ACCOUNT, bob, device.recovery[0], actor)
    assert await refused(house, device.recovery[1]) == "second_factor_invalid"
    assert (await log_in(house, codes[0])).principal.amr == ("pwd", "mfa")
    state = await house.accounts.find_second_factor(ACCOUNT, bob)
    assert state is not None
    assert state.recovery_codes_left == 9


# The management API


@pytest.fixture
async def http(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Bob's client, logged in a moment ago."""
    async with serve(house.accounts) as client:
        opened = await house.login("bob")
        client.headers["Authorization"] = f"Bearer {opened.bearer.reveal()}"
        yield client


ME = f"/switchbay/v1/accounts/{ACCOUNT}/me/second-factor"


async def test_a_user_sets_up_uses_and_removes_a_second_factor_over_http(
    house: House, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    assert (await http.get(ME)).json() == {"state": "none"}
    begun = await http.post(ME)
    assert (begun.status_code, begun.headers["cache-control"]) == (201, "no-store")
    made = begun.json()
    assert sorted(made) == ["qr_svg", "secret", "uri"]
    assert made["qr_svg"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    assert made["uri"] == f"otpauth://totp/Example%20Brand:bob?secret={made['secret']}&issuer=Example%20Brand"
    device = Device(house, Secret(made["secret"]))
    assert (await http.get(ME)).json()["state"] == "pending"
    confirmed = await http.post(f"{ME}/confirm", json={"code": device.code().reveal()})
    assert (confirmed.status_code, confirmed.headers["cache-control"]) == (200, "no-store")
    assert len(confirmed.json()["recovery_codes"]) == 10
    assert (await http.get(ME)).json() == {
        "state": "confirmed",
        "created_at": clock.now_ms(),
        "confirmed_at": clock.now_ms(),
        "recovery_codes_left": 10,
    }
    clock.advance(ms=STEP_MS)
    login = f"/api/account/{ACCOUNT}/login"
    body = {"username": "bob", "password": PASSWORD.reveal()}
    without = await http.post(login, json=body)
    assert (without.status_code, without.json()["error"]["code"]) == (401, "second_factor_missing")
    wrong = await http.post(login, json={**body, "otp": device.wrong().reveal()})
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (401, "second_factor_invalid")
    right = await http.post(login, json={**body, "otp": device.code().reveal()})
    assert right.status_code == 200
    refused_removal = await http.post(f"{ME}/remove", json={"code": device.code().reveal()})
    assert (refused_removal.status_code, refused_removal.json()["error"]["code"]) == (403, "second_factor_refused")
    clock.advance(ms=STEP_MS)
    assert (await http.post(f"{ME}/remove", json={"code": device.code().reveal()})).status_code == 204
    assert (await http.get(ME)).json() == {"state": "none"}


@pytest.mark.parametrize("otp", ["", 123456, ["123456"], {}])
async def test_an_otp_that_is_no_text_is_a_fault_of_the_request(http: httpx.AsyncClient, otp: object) -> None:
    body = {"username": "bob", "password": PASSWORD.reveal(), "otp": otp}
    answer = await http.post(f"/api/account/{ACCOUNT}/login", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "login_field_missing")


async def test_an_old_session_sets_up_no_second_factor(
    house: House, http: httpx.AsyncClient, clock: ManualClock
) -> None:
    clock.advance(seconds=15 * MINUTES, ms=1)
    answer = await http.post(ME)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "login_not_recent")
    assert await house.accounts.find_second_factor(ACCOUNT, house.agent.user_id) is None


async def test_a_session_of_another_account_sets_up_nothing(house: House, http: httpx.AsyncClient) -> None:
    await house.accounts.create_account(OTHER, "Other", OPERATOR)
    answer = await http.post(ME.replace(ACCOUNT, OTHER))
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "session_invalid")


async def test_an_administrator_removes_it_for_a_lost_device(house: House, device: Device) -> None:
    path = f"/switchbay/v1/accounts/{ACCOUNT}/users/{house.agent.user_id}/second-factor"
    async with serve(house.accounts) as client:
        client.headers["Authorization"] = f"Bearer {(await house.login()).bearer.reveal()}"
        assert (await client.get(path)).json()["state"] == "confirmed"
        assert (await client.delete(path)).status_code == 204
        again = await client.delete(path)
        assert (again.status_code, again.json()["error"]["code"]) == (404, "second_factor_unknown")
    page = await house.accounts.list_audit(ACCOUNT)
    assert (page.entries[0].action, page.entries[0].actor.name) == ("user.second_factor_remove", "ada")
    assert (await log_in(house, None)).principal.amr == ("pwd",)
