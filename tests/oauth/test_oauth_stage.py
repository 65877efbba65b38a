"""The stage that the room's tests stand on."""

from support.oauth_stage import Stage


async def test_an_installed_app_gets_a_token(stage: Stage) -> None:
    app = await stage.install()
    answer = await stage.http.post(
        "/sentinel/api/account/4711001/app/token",
        data={"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret},
    )
    assert answer.status_code == 200, answer.text
