"""The commands ``manifest …``: check, mend, compare and export manifests, without a server."""

from typing import Annotated, Literal

import typer

from switchbay.cli.findings import Unreadable, note_unmendable, print_findings, print_mended, read_document
from switchbay.cli.output import JsonFlag, plain, print_json
from switchbay.kit.errors import AppError, Kind
from switchbay.kit.jsontext import parse
from switchbay.manifest import public as manifests

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, add_completion=False)
File = Annotated[str, typer.Argument(metavar="FILE", help="Manifest; - reads standard input.")]
Variables = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Value of a placeholder such as {NAME}; repeatable."),
]
Strict = Annotated[bool, typer.Option("--strict", help="Refuse unknown members.")]
Dev = Annotated[bool, typer.Option("--dev", help="Accept endpoints on http loopback, with a warning.")]
Scopes = Annotated[
    list[str] | None, typer.Option("--scope", help="Scope that the server accepts besides msg.consumer; repeatable.")
]
LogoPolicy = Annotated[Literal["warn", "enforce"], typer.Option(help="Whether a bad logo only warns or is an error.")]


@app.callback()
def manifest_group() -> None:
    """Check and compare application manifests, without a server.

    \b
    Examples:
      switchbay manifest check app.json
      switchbay manifest schema > manifest.schema.json
    """


@app.command("check")
def check(
    file: File,
    variables: Variables = None,
    strict: Strict = False,
    dev: Dev = False,
    scope: Scopes = None,
    logo_policy: LogoPolicy = "warn",
    fix: Annotated[
        bool, typer.Option("--fix", help="Print the document with every known fix applied; findings go to stderr.")
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Check a manifest and report every finding at once.

    One line for each: file:line:column severity code pointer message; - stands for the pointer to the whole
    document. Exit codes: 0 valid, 1 errors were found, 2 the
    check could not run. With --fix the codes are those of the mended document.

    \b
    Examples:
      switchbay manifest check app.json --set YOUR_APPLICATION_DOMAIN=app.example.com
      switchbay manifest check - --strict --json < app.json
      switchbay manifest check app.json --fix > mended.json
    """
    options = _options(strict=strict, dev=dev, scopes=scope, logo_policy=logo_policy)
    data = read_manifest(file)
    given = parse_variables(variables)
    report = manifests.check_text(data, options, given)
    if fix:
        print_findings(file, report.issues, report.summary, to_stderr=True)
        raise typer.Exit(_mend(data, options, given))
    if json_output:
        print_json(report.to_json())
    else:
        print_findings(file, report.issues, report.summary)
    raise typer.Exit(0 if report.valid else 1)


@app.command("schema")
def schema(json_output: JsonFlag = False) -> None:
    """Print the JSON Schema of manifests, for editors and other tools. It is always JSON.

    \b
    Examples:
      switchbay manifest schema > manifest.schema.json
    """
    del json_output
    print_json(manifests.json_schema())


@app.command("diff")
def diff(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Manifest that is installed; - reads standard input.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Manifest that is to replace it.")],
    variables: Variables = None,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 when anything changes.")] = False,
    json_output: JsonFlag = False,
) -> None:
    """Say in words what changes from one manifest to another; what widens the app's rights comes first.

    Header values are never shown. Lines that begin with ! widen what the app may do or see.

    \b
    Examples:
      switchbay manifest diff installed.json proposed.json
      switchbay manifest diff a.json b.json --exit-code --json
    """
    given = parse_variables(variables)
    before, after = (_valid(file, given) for file in (old, new))
    changes = manifests.diff(before, after)
    if json_output:
        print_json([change.to_json() for change in changes])
    else:
        for change in changes:
            typer.echo(f"{'!' if change.widens else ' '} {plain(change.sentence)}")
    raise typer.Exit(1 if changes and exit_code else 0)


@app.command("export")
def export(
    file: File,
    variables: Variables = None,
    include_secrets: Annotated[
        bool, typer.Option("--include-secrets", help="Print the values of webhook headers as they are.")
    ] = False,
    json_output: JsonFlag = False,
) -> None:
    """Print a manifest in its canonical form: normalised, in a fixed order. It is always JSON.

    \b
    Examples:
      switchbay manifest export app.json --set YOUR_APPLICATION_DOMAIN=app.example.com
    """
    del json_output
    manifest = _valid(file, parse_variables(variables))
    typer.echo(manifests.export(manifest.document, include_secrets=include_secrets), nl=False)


def read_manifest(file: str) -> bytes:
    """Read a file, or standard input for ``-``; never more than one byte beyond what a manifest may have."""
    try:
        return read_document(file)
    except Unreadable as error:
        # NOT_ALLOWED carries the exit code 2: the check could not run.
        raise AppError(Kind.NOT_ALLOWED, "manifest_unreadable", str(error)) from error


def parse_variables(given: list[str] | None) -> dict[str, str]:
    """Read ``NAME=VALUE`` pairs."""
    variables: dict[str, str] = {}
    for pair in given or []:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE.")
        variables[name] = value
    return variables


def _options(
    *, strict: bool, dev: bool, scopes: list[str] | None, logo_policy: Literal["warn", "enforce"]
) -> manifests.Options:
    return manifests.Options(strict=strict, dev_mode=dev, logo_policy=logo_policy, extra_scopes=frozenset(scopes or ()))


def _valid(file: str, variables: dict[str, str]) -> manifests.Manifest:
    report = manifests.check_text(read_manifest(file), variables=variables)
    if report.manifest is None:
        print_findings(file, report.issues, report.summary, to_stderr=True)
        raise AppError(Kind.INVALID, "manifest_invalid", f"{file} is not a valid manifest.")
    return report.manifest


def _mend(data: bytes, options: manifests.Options, variables: dict[str, str]) -> int:
    """Print the document with every known fix applied; return the exit code that it deserves."""
    text = parse(data)
    if not text.complete:
        return note_unmendable()
    mended = manifests.fix_all(manifests.fill(text.value, variables).value, options)
    return print_mended(mended, manifests.check_value(mended, options).summary)
