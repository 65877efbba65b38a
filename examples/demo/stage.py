"""What the demo needs around it: data folder, server, accounts, two sample applications, a page with the messenger."""

import fcntl
import json
import os
import shutil
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from examples.demo.children import Child, ChildFailed, run_to_end
from examples.demo.screen import Screen

from switchbay.cli.client import Client
from switchbay.cli.connection import Connection, log_in
from switchbay.cli.output import mapping, objects
from switchbay.infra.tls import authority_file, ensure_certificate
from switchbay.kit.secret import Secret

ACCOUNT = "demo"
ADMIN = "admin"
AGENT = "anna"
_EXAMPLES = Path(__file__).resolve().parent.parent
_MANIFESTS = _EXAMPLES / "manifests"
_CONNECTOR = _EXAMPLES / "connector" / "app.py"
_WEB_APP = _EXAMPLES / "web_app" / "app.py"
_SHOP = _EXAMPLES / "shop" / "serve.py"
_PAGE = _EXAMPLES / "messenger" / "serve.py"
_PLACEHOLDER_ENDPOINT = "https://your/webhooks/endpoint"
_START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Installed:
    """An application as its developer knows it."""

    client_id: str
    client_secret: Secret


class Stage:
    """A context in which the server and the sample applications run; everything ends with it."""

    address: str
    directory: str
    client: Client
    connector: Child
    connector_app: Installed
    web_app: Installed
    web_app_address: str
    shop_app: Installed
    shop_address: str
    launch_address: str
    page_address: str
    admin: Connection
    agent: Connection

    def __init__(self, folder: Path, screen: Screen, *, keep: bool) -> None:
        self.folder = folder.absolute()
        self.data_dir = self.folder / "data"
        self.ca_file = authority_file(self.data_dir)
        self.passwords: dict[str, Secret] = {}
        self._password_file = self.folder / "passwords.json"
        self._screen = screen
        self._keep = keep
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        """Build the stage; whatever was started is ended when building it fails."""
        with self._ending:
            self._prepare_folder()
            self._prepare_host()
            server = self._start_server()
            self._make_agent()
            self._await_server(server)
            endpoint = self._start_connector()
            web_app = self._start_web_app()
            self._start_page()
            self._log_in()
            self._install_connector(endpoint)
            self._install_web_app(web_app)
            self._open_shop()
            self._ending = self._ending.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the children in the reverse order."""
        self._ending.close()

    def allow_pages(self) -> None:
        """Let the pages that the demo serves use the web messenger."""
        self.admin.call("PATCH", body={"web_origins": [self.page_address, self.shop_address]})

    def _environment(self) -> dict[str, str]:
        """Settings for our children: the connector is on this host, with a certificate of the local authority."""
        return {
            "SWITCHBAY_DATA_DIR": str(self.data_dir),
            "SWITCHBAY_EGRESS_ALLOW": "127.0.0.0/8,::1/128",
            "SWITCHBAY_EGRESS_CA_FILE": str(self.ca_file),
            "SWITCHBAY_WEBHOOK_RETRY_SECONDS": "2",
        }

    def _switchbay(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "switchbay", *arguments]

    def _prepare_folder(self) -> None:
        self._screen.step(f"data in {self.folder}" + (", kept from the last run" if self._keep else ", fresh"))
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (self.folder / "lock").open("w")
        self._ending.callback(lock.close)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ChildFailed(f"another demo is running in {self.folder}") from None
        for name in list(os.environ):  # the demo must behave the same whatever is set around it
            if name.startswith("SWITCHBAY_") or name == "CLIENT_SECRET":
                del os.environ[name]
        if not self._keep:
            shutil.rmtree(self.data_dir, ignore_errors=True)
            for file in ("server.log", "connector.log", "web-app.log", "shop.log", "page.log", "passwords.json"):
                (self.folder / file).unlink(missing_ok=True)

    def _prepare_host(self) -> None:
        self._screen.step("switchbay init: master key, certificates, database, account, administrator")
        made = run_to_end(
            self._switchbay("init", "--account", ACCOUNT, "--admin", ADMIN, "--json"), self.folder, self._environment()
        )
        known: dict[str, str] = json.loads(self._password_file.read_text()) if self._password_file.exists() else {}
        if made["admin"]["password"] is not None:
            known = {ADMIN: made["admin"]["password"]}
        self.passwords = {name: Secret(value) for name, value in known.items()}

    def _start_server(self) -> Child:
        self._screen.step("switchbay serve: starting")
        server = Child(
            "server",
            self._switchbay("serve", "--port", "0", "--http-port", "0", "--json"),
            self.folder,
            self._environment(),
        )
        self._ending.callback(server.stop)
        return server

    def _make_agent(self) -> None:
        if AGENT not in self.passwords:
            self._screen.step("switchbay user create: an agent")
            created = run_to_end(
                self._switchbay("user", "create", ACCOUNT, AGENT, "--role", "agent", "--name", "Anna", "--json"),
                self.folder,
                self._environment(),
            )
            self.passwords[AGENT] = Secret(created["password"])
        if ADMIN not in self.passwords:
            raise ChildFailed(f"the passwords of {self.data_dir} are lost; run without --keep")
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as opened:
            json.dump({name: password.reveal() for name, password in self.passwords.items()}, opened)

    def _await_server(self, server: Child) -> None:
        said = server.next_line(_START_SECONDS)
        if said is None:
            raise ChildFailed(f"the server did not start in {_START_SECONDS:.0f} s; see {self.folder / 'server.log'}")
        self.address, self.directory = str(said["address"]), str(said["directory"])
        self.launch_address = f"{self.address}/launch/{ACCOUNT}"
        self.client = Client(self.address, self.ca_file)
        found = mapping(
            self.client.call("GET", f"/api/account/{ACCOUNT}/service/baseURI.json", query={"version": "1.0"})
        )
        self._screen.say(f"   {self.address}, {len(objects(found.get('baseURIs')))} services in its directory")

    def _start_connector(self) -> str:
        self.connector = self._start_app("connector", _CONNECTOR, "--json")
        endpoint = self._address_of(self.connector, "connector")
        self._screen.step(f"examples/connector/app.py: waiting for webhooks at {endpoint}")
        return endpoint

    def _start_web_app(self) -> Child:
        options = ("--issuer", f"{self.address}/oidc/{ACCOUNT}", "--authority", str(self.ca_file))
        web_app = self._start_app("web-app", _WEB_APP, *options)
        self.web_app_address = self._address_of(web_app, "web application")
        self._screen.step(f"examples/web_app/app.py: waiting for people at {self.web_app_address}")
        return web_app

    def _start_page(self) -> None:
        """Serve the page with the web messenger, over plain http: browsers trust what is on their own machine."""
        page = Child("page", [sys.executable, str(_PAGE), "--port", "0"], self.folder, self._environment())
        self._ending.callback(page.stop)
        self.page_address = self._address_of(page, "page")
        self._screen.step(f"examples/messenger: a shop's page at {self.page_address}")

    def _start_app(self, name: str, program: Path, *options: str) -> Child:
        certificate = ensure_certificate(self.data_dir, ("localhost", "127.0.0.1", "::1"), name)
        command = [sys.executable, str(program), "--port", "0", "--certificate", str(certificate), *options]
        child = Child(name, command, self.folder, self._environment())
        self._ending.callback(child.stop)
        return child

    def _address_of(self, child: Child, name: str) -> str:
        said = child.next_line(_START_SECONDS)
        if said is None:
            raise ChildFailed(f"the sample {name} did not start")
        return str(said["address"])

    def _log_in(self) -> None:
        self.admin, self.agent = (
            Connection(self.client, ACCOUNT, log_in(self.client, ACCOUNT, name, self.passwords[name])[0])
            for name in (ADMIN, AGENT)
        )
        self._screen.step(f"logged in: {ADMIN} (admin), {AGENT} (agent)")

    def _install_connector(self, endpoint: str) -> None:
        text = (_MANIFESTS / "custom-connector.json").read_text("utf-8").replace(_PLACEHOLDER_ENDPOINT, endpoint)
        manifest = json.loads(text) | {"quick_launch_enabled": False}  # the sample has no pages to open
        self.connector_app = self._install("custom-connector.json", manifest, "app.example.com")
        self.connector.tell(self.connector_app.client_secret.reveal())

    def _install_web_app(self, web_app: Child) -> None:
        """Install the example with what the menu and signing out need besides; everything here is https."""
        manifest = json.loads((_MANIFESTS / "web-application.json").read_text("utf-8"))
        manifest |= {
            "description": "Shows who is signed in",
            "description#de": "Zeigt, wer angemeldet ist",
            "quick_launch_enabled": True,
            "redirect_uris": [uri.replace("http:", "https:") for uri in manifest["redirect_uris"]],
            "post_logout_redirect_uris": [f"{self.web_app_address}/signed-out"],
            "backchannel_logout_uri": f"{self.web_app_address}/backchannel-logout",
        }
        host = self.web_app_address.removeprefix("https://")
        self.web_app = self._install("web-application.json", manifest, host)
        web_app.tell(f"{self.web_app.client_id} {self.web_app.client_secret.reveal()}")

    def _open_shop(self) -> None:
        manifest = json.loads((_MANIFESTS / "web-shop.json").read_text("utf-8"))
        self.shop_app = self._install("web-shop.json", manifest, "app.example.com")
        options = ("--server", self.address, "--account", ACCOUNT, "--app", self.shop_app.client_id)
        self.shop_address = self._address_of(self._start_app("shop", _SHOP, *options), "shop")
        self._screen.step(f"examples/shop: a shop with the web tag at {self.shop_address}")

    def _install(self, file: str, manifest: dict[str, Any], host: str) -> Installed:
        """Install an application, or put its manifest in place of the one from the last run."""
        body = json.dumps(manifest).encode()
        query = [("set", f"YOUR_APPLICATION_DOMAIN={host}"), ("set", "CALLBACK_PATH=callback")]
        name = manifest["client_name"]
        installed = [
            str(shown["id"])
            for shown in objects(mapping(self.admin.call("GET", "/apps")).get("items"))
            if shown.get("client_name") == name
        ]
        if installed:
            answer: dict[str, Any] = mapping(self.admin.call("PUT", f"/apps/{installed[0]}", body=body, query=query))
            rotated = self.admin.call(
                "POST", f"/apps/{installed[0]}/rotate-secret", body={"overlap_seconds": 0, "force": True}
            )
            secret = mapping(rotated).get("client_secret")
        else:
            answer = mapping(self.admin.call("POST", "/apps", body=body, query=query))
            secret = answer.get("client_secret")
        summary = mapping(mapping(answer.get("report")).get("summary"))
        self._screen.step(
            f"installed {name} from examples/manifests/{file}: {summary.get('errors')} errors, "
            f"{summary.get('warnings')} warnings"
        )
        return Installed(str(mapping(answer.get("app")).get("client_id")), Secret(str(secret)))
