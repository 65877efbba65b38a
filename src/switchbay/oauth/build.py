"""Builds the authorization server: its services, each with what it needs, and their routes."""

from dataclasses import dataclass

from fastapi import APIRouter
from starlette.routing import BaseRoute

from switchbay.accounts.public import Accounts
from switchbay.apps.public import Apps
from switchbay.infra.db import Database
from switchbay.infra.egress import Egress
from switchbay.infra.machine import Clock, Randomness
from switchbay.infra.settings import Settings
from switchbay.infra.vault import Vault
from switchbay.oauth.admin import consents as consents_admin
from switchbay.oauth.admin import keys as keys_admin
from switchbay.oauth.admin import policies as policies_admin
from switchbay.oauth.admin import refusals as refusals_admin
from switchbay.oauth.admin import registration as registration_admin
from switchbay.oauth.admin import upstreams as upstreams_admin
from switchbay.oauth.browser import Browser
from switchbay.oauth.protocol import consumer_identity
from switchbay.oauth.routes import app_tokens
from switchbay.oauth.routes import authorize as authorize_routes
from switchbay.oauth.routes import keys as keys_routes
from switchbay.oauth.routes import metadata as metadata_routes
from switchbay.oauth.routes import registration as registration_routes
from switchbay.oauth.routes import tokens as token_routes
from switchbay.oauth.routes import visitors as visitor_routes
from switchbay.oauth.routes.interaction import Interaction
from switchbay.oauth.routes.logout import LogoutPages
from switchbay.oauth.routes.upstream import UpstreamPages
from switchbay.oauth.service import KeyRing, OAuth
from switchbay.oauth.service.authorize import Authorize
from switchbay.oauth.service.backchannel import Backchannel
from switchbay.oauth.service.client_authentication import ClientAuthentication
from switchbay.oauth.service.consents import Consents
from switchbay.oauth.service.initial_tokens import InitialTokens
from switchbay.oauth.service.introspection import TokenInquiries
from switchbay.oauth.service.issued_tokens import IssuedTokens
from switchbay.oauth.service.liveness import Liveness
from switchbay.oauth.service.logout import Logout
from switchbay.oauth.service.minting import Minter
from switchbay.oauth.service.policies import Policies
from switchbay.oauth.service.redeeming import Redeeming
from switchbay.oauth.service.refusals import RefusalLog
from switchbay.oauth.service.registration import Registrations
from switchbay.oauth.service.token_endpoint import TokenEndpoint
from switchbay.oauth.service.upstream import UpstreamLogins
from switchbay.oauth.service.upstream_provider import Providers
from switchbay.oauth.service.upstream_settings import UpstreamSettings
from switchbay.oauth.service.user_tokens import UserTokens
from switchbay.oauth.service.visitors import Visitors
from switchbay.oauth.sign_in import SignIn
from switchbay.oauth.transactions import Transactions
from switchbay.oauth.workers import Purging


@dataclass(frozen=True, slots=True)
class Means:
    """What the services of this room are built from."""

    db: Database
    clock: Clock
    randomness: Randomness
    vault: Vault
    accounts: Accounts
    apps: Apps
    egress: Egress
    settings: Settings


@dataclass(frozen=True, slots=True)
class Managed:
    """What the management API of this room works on."""

    keys: KeyRing
    policies: Policies
    consents: Consents
    refusals: RefusalLog
    upstreams: UpstreamSettings
    initial_tokens: InitialTokens
    apps: Apps
    accounts: Accounts


def routers_over(managed: Managed) -> list[APIRouter]:
    """The routers of the management API. Making them takes a moment, as FastAPI reads every signature."""
    accounts = managed.accounts
    return [
        keys_admin.router(managed.keys, accounts),
        policies_admin.router(managed.policies, accounts),
        consents_admin.router(managed.consents, accounts),
        refusals_admin.router(managed.refusals, managed.apps, accounts),
        upstreams_admin.router(managed.upstreams, accounts),
        registration_admin.router(managed.initial_tokens, accounts),
    ]


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """The services of the room, the routes of the wire and the routers of the management API."""

    oauth: OAuth
    visitors: Visitors
    keys: KeyRing
    policies: Policies
    routes: list[BaseRoute]
    managed: Managed
    refusals: RefusalLog
    browser: Browser
    sign_in: SignIn
    minter: Minter
    user_tokens: UserTokens
    purging: Purging
    backchannel: Backchannel

    def make_routers(self) -> list[APIRouter]:
        """The routers of the management API."""
        return routers_over(self.managed)

    async def start(self) -> None:
        """Start the background work."""
        await self.keys.start()
        await self.refusals.start()
        await self.purging.start()
        await self.backchannel.start()

    async def stop(self) -> None:
        """Stop it."""
        await self.backchannel.stop()
        await self.purging.stop()
        await self.refusals.stop()
        await self.keys.stop()


def build(means: Means) -> AuthorizationServer:
    """Join the services of this room."""
    settings = means.settings
    refusals = RefusalLog(means.db, means.clock, means.randomness)
    browser = Browser(means.accounts, means.randomness)
    transactions = Transactions(means.vault, means.clock)
    sign_in = SignIn(browser, transactions, means.clock)
    keys = KeyRing(
        means.db,
        means.clock,
        means.randomness,
        means.vault,
        rotation_seconds=settings.key_rotation_seconds,
        jwks_seconds=settings.jwks_seconds,
        token_seconds=settings.token_seconds,
        id_token_seconds=settings.id_token_seconds,
        consumer_token_seconds=settings.consumer_token_seconds,
    )
    policies = Policies(means.db, means.clock)
    clients = ClientAuthentication(means.db, means.clock, means.apps, means.egress)
    oauth = OAuth(
        keys,
        means.clock,
        means.accounts,
        means.apps,
        clients,
        origin=settings.public_origin,
        token_seconds=settings.token_seconds,
        consumer_token_seconds=settings.consumer_token_seconds,
    )
    visitors = Visitors(
        means.db,
        keys,
        means.clock,
        means.randomness,
        means.accounts,
        oauth,
        token_seconds=min(settings.visitor_token_seconds, settings.consumer_token_seconds),
        per_minute=settings.visitor_sign_ups,
    )
    minter = Minter(
        means.db,
        means.randomness,
        keys,
        policies,
        means.accounts,
        origin=settings.public_origin,
        token_seconds=settings.token_seconds,
        id_token_seconds=settings.id_token_seconds,
        refresh_token_seconds=settings.refresh_token_seconds,
    )
    consents = Consents(means.db, means.clock, means.apps)
    authorize = Authorize(
        means.db,
        means.clock,
        means.randomness,
        means.accounts,
        means.apps,
        policies,
        keys,
        minter,
        consents,
        refusals,
        origin=settings.public_origin,
        code_seconds=settings.code_seconds,
    )
    origin = settings.public_origin
    backchannel = Backchannel(
        means.db, means.clock, means.randomness, means.apps, keys, policies, means.egress, origin=origin
    )
    means.accounts.on_session_end(backchannel.sessions_ended)
    logout = Logout(means.clock, means.vault, means.accounts, means.apps, keys, origin=origin)
    liveness = Liveness(means.accounts)
    redeeming = Redeeming(
        means.db, means.clock, means.vault, minter, liveness, grace_seconds=settings.refresh_grace_seconds
    )
    tokens = TokenEndpoint(means.clock, clients, redeeming, minter, policies, origin=origin)
    issued = IssuedTokens(means.db, means.clock, keys, means.apps, minter, liveness)
    inquiries = TokenInquiries(means.db, means.clock, tokens, issued, policies, means.accounts)
    user_tokens = UserTokens(issued, minter, means.accounts)
    initial_tokens = InitialTokens(means.db, means.clock, means.randomness, means.accounts)
    registrations = Registrations(
        means.db, means.clock, means.randomness, means.accounts, means.apps, policies, origin=origin
    )
    providers = Providers(means.clock, means.egress)
    upstream_logins = UpstreamLogins(
        means.db, means.clock, means.randomness, means.vault, means.accounts, providers, origin=origin
    )
    upstream_settings = UpstreamSettings(
        means.db, means.clock, means.randomness, means.vault, means.accounts, providers, upstream_logins, origin=origin
    )
    purging = Purging(means.db, means.clock, settings.session_seconds)
    routes: list[BaseRoute] = [
        # The router tries them in order: what is asked for most comes first.
        *token_routes.routes(tokens, inquiries, user_tokens, refusals, query_credentials=settings.query_credentials),
        *app_tokens.routes(oauth, refusals, query_credentials=settings.query_credentials),
        *visitor_routes.routes(visitors),
        *authorize_routes.routes(authorize, browser, transactions, means.clock),
        *metadata_routes.routes(
            means.accounts, policies, origin=origin, scopes={consumer_identity.SCOPE, *settings.manifest_scopes}
        ),
        *keys_routes.routes(keys, means.accounts),
        *registration_routes.routes(registrations),
        *Interaction(
            browser, transactions, authorize, means.accounts, means.apps, upstream_logins, origin=origin
        ).routes(),
        *UpstreamPages(upstream_logins, browser, transactions, means.accounts).routes(),
        *LogoutPages(logout, browser, means.accounts, origin=origin).routes(),
    ]

    managed = Managed(keys, policies, consents, refusals, upstream_settings, initial_tokens, means.apps, means.accounts)
    return AuthorizationServer(
        oauth,
        visitors,
        keys,
        policies,
        routes,
        managed,
        refusals,
        browser,
        sign_in,
        minter,
        user_tokens,
        purging,
        backchannel,
    )
