"""Every setting of the program: environment variables ``SWITCHBAY_…``, or a ``switchbay.toml`` beside the data.

The reference for operators is ``docs/reference/settings.md``; a test keeps it complete.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from switchbay.kit.signatures import SignatureAlgorithm, SignatureEncoding

Words = Annotated[tuple[str, ...], NoDecode]
NodeRole = Literal["api", "dispatcher", "all"]


class Settings(BaseSettings):
    """Settings of one node. Durations are in seconds, sizes in bytes, unless the name says otherwise."""

    model_config = SettingsConfigDict(env_prefix="SWITCHBAY_", extra="forbid", frozen=True, toml_file="switchbay.toml")

    data_dir: Path = Field(
        default=Path("var"), description="Folder of the embedded database, keys, certificates and logos."
    )
    database_url: str = Field(
        default="", description="sqlite:///path or postgresql://user:password@host/name; empty: SQLite in data_dir."
    )
    database_connections: int = Field(
        default=10, ge=1, le=500, description="Most connections to PostgreSQL from this node."
    )
    database_statement_seconds: float = Field(default=10, gt=0, description="Longest time one SQL statement may take.")
    database_busy_seconds: float = Field(
        default=5, ge=0, description="How long SQLite waits for a lock held by another process."
    )

    roles: Annotated[tuple[NodeRole, ...], NoDecode] = Field(
        default=("all",),
        min_length=1,
        description="What this node does: api (answers HTTP), dispatcher (sends webhooks), all.",
    )
    delivery_process: bool = Field(
        default=True, description="Whether a node of both roles sends webhooks from a second process of its own."
    )
    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: int = Field(default=8443, ge=0, le=65535, description="Port of all services.")
    http_port: int = Field(
        default=8080, ge=-1, le=65535, description="Port of the directory of services over plain http; -1 turns it off."
    )
    public_host: str = Field(
        default="", description="host[:port] that the directory gives to clients; empty: localhost and port."
    )
    trusted_proxies: Words = Field(default=(), description="Addresses of proxies whose X-Forwarded-For is believed.")
    tls: Literal["local", "files", "off"] = Field(
        default="local",
        description="Certificate from the local authority in data_dir, from files, or no TLS (behind a proxy).",
    )
    tls_hosts: Words = Field(default=("localhost", "127.0.0.1", "::1"), description="Names in the local certificate.")
    tls_certificate_file: Path | None = Field(default=None, description="PEM chain, when tls is files.")
    tls_key_file: Path | None = Field(default=None, description="PEM private key, when tls is files.")

    master_keys: SecretStr = Field(
        default=SecretStr(""),
        description="Keys that seal secrets: id:base64 pairs, the first one seals; empty: data_dir/master.key.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level that is logged."
    )
    log_format: Literal["text", "json"] = Field(default="text", description="Log lines for people or for programs.")
    metrics_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token that /metrics asks for; empty: there is no /metrics."
    )

    session_seconds: int = Field(default=28_800, ge=660, description="Lifetime of a login; refresh starts it anew.")
    login_failures: int = Field(default=5, ge=1, description="Failed logins of one user before the wait begins.")
    login_address_failures: int = Field(
        default=50, ge=1, description="Failed logins from one address before the wait begins."
    )
    login_wait_seconds: int = Field(
        default=60, ge=1, description="First wait after too many failed logins; doubles up to an hour."
    )

    token_seconds: int = Field(default=3_600, ge=60, description="Lifetime of application tokens.")
    consumer_token_seconds: int = Field(default=31_536_000, ge=60, description="Lifetime of consumer tokens.")
    visitor_token_seconds: int = Field(
        default=604_800, ge=60, description="Lifetime of the web messenger's tokens; one that is used is renewed."
    )
    visitor_sign_ups: int = Field(
        default=60, ge=1, description="Most tokens that the web messengers of one network get in a minute."
    )
    query_credentials: bool = Field(
        default=True, description="Accept client_id and client_secret in the query, as old clients send."
    )
    code_seconds: int = Field(default=60, ge=5, le=600, description="Lifetime of authorization codes.")
    id_token_seconds: int = Field(default=600, ge=60, description="Lifetime of ID tokens.")
    refresh_token_seconds: int = Field(
        default=2_592_000, ge=300, description="Lifetime of a refresh token that is not used."
    )
    refresh_grace_seconds: int = Field(
        default=30, ge=0, le=300, description="How long a refresh token that was used still answers its one successor."
    )
    key_rotation_seconds: int = Field(
        default=7_776_000, ge=0, description="How long a signing key signs before the next one does; 0: never rotated."
    )
    jwks_seconds: int = Field(
        default=900,
        ge=1,
        description="How long clients may keep a key set; the next key is published twice as long ahead.",
    )
    secret_overlap_seconds: int = Field(
        default=86_400,
        ge=0,
        description="How long the previous client secret stays valid after a rotation, unless asked otherwise.",
    )

    webhook_retry_seconds: float = Field(default=30, gt=0, description="Gap between attempts in retry by number.")
    webhook_connect_seconds: float = Field(
        default=5, gt=0, description="Longest time to connect to an endpoint, TLS included."
    )
    webhook_response_seconds: float = Field(
        default=5, gt=0, description="Longest time from request to the end of the response."
    )
    webhook_response_bytes: int = Field(
        default=16_384, ge=0, description="Most bytes of a response body that are read."
    )
    webhook_in_flight: int = Field(
        default=200, ge=1, le=10_000, description="Most webhook requests under way at once on this node."
    )
    webhook_lease_seconds: float = Field(
        default=30, gt=1, description="How long a node owns a lane without a sign of life."
    )
    webhook_sweep_seconds: float = Field(
        default=2, gt=0, description="How often a node looks for work that others left."
    )
    webhook_parked_seconds: float = Field(
        default=259_200, ge=1, description="How long events of a disabled app are kept if it has no retention_time."
    )
    webhook_log_seconds: int = Field(
        default=2_592_000, ge=86_400, description="How long the log tells what became of an event."
    )
    webhook_breaker_failures: int = Field(
        default=10,
        ge=1,
        description="Failures in a row of an endpoint before its breaker opens, where accounts ask for it.",
    )
    webhook_breaker_seconds: float = Field(
        default=30, ge=1, le=300, description="First pause of a breaker; doubles up to 300 seconds."
    )
    signature_algorithm: SignatureAlgorithm = Field(default="sha1", description="Signature of new accounts.")
    signature_encoding: SignatureEncoding = Field(
        default="base64", description="Encoding of the signature of new accounts."
    )

    egress_allow: Words = Field(
        default=(),
        description="Networks (CIDR) of private addresses that webhooks and logo checks may reach all the same.",
    )
    egress_ca_file: Path | None = Field(
        default=None, description="PEM certificates to trust besides the system's, for endpoints."
    )
    egress_proxy: SecretStr = Field(
        default=SecretStr(""),
        description="Forward proxy for outbound calls: http://user:password@host:port, or https; empty: none.",
    )

    message_characters: int = Field(default=8_000, ge=1, description="Longest text of a message.")
    body_bytes: int = Field(default=1_048_576, ge=1_024, description="Largest request body of the messaging services.")
    idempotency_seconds: int = Field(
        default=86_400, ge=60, description="How long an answer to an Idempotency-Key is kept."
    )

    socket_frame_bytes: int = Field(
        default=1_048_576, ge=1_024, le=16_777_216, description="Largest message over a WebSocket connection."
    )
    socket_queue_bytes: int = Field(
        default=4_194_304,
        ge=65_536,
        description="What may wait for a WebSocket peer that does not read.",
    )
    socket_idle_seconds: float = Field(
        default=150, ge=65, description="How long a WebSocket connection may be silent, pings included."
    )
    sockets_per_user: int = Field(default=50, ge=1, description="Most WebSocket connections of one user on a node.")

    ring_seconds: float = Field(
        default=72, ge=1, le=3_600, description="How long a conversation rings at an agent before it rings at another."
    )
    ring_pause_seconds: float = Field(
        default=30,
        ge=1,
        le=3_600,
        description="How long a conversation does not ring again at an agent who did not take it.",
    )
    agent_grace_seconds: float = Field(
        default=30, ge=1, le=3_600, description="How long an agent who lost the connection is waited for."
    )

    file_bytes: int = Field(
        default=3_145_728, ge=1, le=104_857_600, description="Largest file that is taken into a conversation."
    )
    file_account_bytes: int = Field(
        default=10_737_418_240,
        ge=0,
        le=2**60,
        description="What all files of an account may have together; 0: any number.",
    )
    file_types: Words = Field(
        default=("JPEG", "PNG", "GIF", "TXT", "PDF"), min_length=1, description="Types of files that are taken."
    )
    file_upload_seconds: int = Field(default=60, ge=5, le=3_600, description="How long an upload address is valid.")
    file_download_seconds: int = Field(default=60, ge=5, le=86_400, description="How long a download address is valid.")
    file_unsent_seconds: int = Field(
        default=604_800, ge=3_600, description="How long a file is kept that was uploaded and never sent."
    )
    file_dir: Path | None = Field(
        default=None, description="Folder of uploaded files, and of uploads under way; none: files in data_dir."
    )
    file_s3_bucket: str = Field(
        default="", description="Bucket of an S3-compatible store for files; empty: they are stored in file_dir."
    )
    file_s3_endpoint: str = Field(default="", description="Address of the S3 server, https://host:port; empty: AWS.")
    file_s3_region: str = Field(default="us-east-1", description="Region of the bucket.")
    file_s3_key: str = Field(
        default="", description="Access key id; empty: the credentials of the environment, as AWS's tools find them."
    )
    file_s3_secret: SecretStr = Field(default=SecretStr(""), description="Secret access key.")
    file_s3_prefix: str = Field(default="", description="What the names of objects begin with.")
    file_s3_path_style: bool = Field(
        default=True, description="Name the bucket in the path, not in the host; some servers know only one of them."
    )
    file_s3_ca_file: Path | None = Field(
        default=None, description="PEM certificates to trust besides the system's, for the S3 server."
    )
    file_scan_clamd: str = Field(
        default="", description="ClamAV's daemon that every upload is shown to: unix:/path or host:port; empty: none."
    )
    file_scan_command: str = Field(
        default="",
        description="Command that every upload is shown to, with {file} or on standard input; 0 clean, 1 infected.",
    )
    file_scan_seconds: float = Field(default=20, gt=0, le=300, description="Longest time a scan may take.")
    file_scan_required: bool = Field(
        default=True, description="Refuse uploads while the scanner gives no answer; false: take them unseen."
    )

    geo_file: Path | None = Field(
        default=None,
        description="Database of places in MaxMind's format, loaded anew when it changes; none: no places.",
    )
    visits_per_network: int = Field(
        default=600, ge=1, description="Most sessions that visitors of one network begin on a node in a minute."
    )
    visit_kept_seconds: int = Field(
        default=43_200, ge=0, le=2_592_000, description="How long a visitor's session is kept after its end."
    )
    visitor_days: int = Field(
        default=90, ge=31, le=3_650, description="For how many days a visitor who does not come back is known."
    )

    logo_policy: Literal["warn", "enforce"] = Field(
        default="warn", description="Whether a bad logo only warns or refuses."
    )
    manifest_dev_mode: bool = Field(
        default=False, description="Accept webhook endpoints on http loopback, with a warning."
    )
    manifest_scopes: Words = Field(default=(), description="Scopes besides msg.consumer that applications may ask for.")
    manifest_hub_compatibility: bool = Field(
        default=False, description="Warn about scopes that hide an app in the Connector App Hub."
    )

    @field_validator(
        "roles", "trusted_proxies", "tls_hosts", "egress_allow", "manifest_scopes", "file_types", mode="before"
    )
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(word for word in value.replace(",", " ").split() if word) if isinstance(value, str) else value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over the environment, the environment over the file."""
        del dotenv_settings, file_secret_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)

    @property
    def answers(self) -> bool:
        """Whether this node answers the services' requests."""
        return "api" in self.roles or "all" in self.roles

    @property
    def delivers(self) -> bool:
        """Whether this node sends webhooks."""
        return "dispatcher" in self.roles or "all" in self.roles

    @property
    def has_two_processes(self) -> bool:
        """Whether this node answers in one process and delivers in another."""
        return self.answers and self.delivers and self.delivery_process

    def as_role(self, role: NodeRole) -> "Settings":
        """The settings of one of a node's two processes, which share the connections that the node may have."""
        half = max(1, self.database_connections // 2)
        return self.model_copy(update={"roles": (role,), "database_connections": half})

    @property
    def database_address(self) -> str:
        """The database's address, with the embedded default filled in."""
        return self.database_url or f"sqlite:///{self.data_dir / 'switchbay.db'}"

    @property
    def public_address(self) -> str:
        """The ``host[:port]`` that the directory hands out."""
        return self.public_host or f"localhost:{self.port}"

    @property
    def public_origin(self) -> str:
        """The origin of every address that is given out, issuers included: whatever a request's Host says."""
        return f"https://{self.public_address}"
