"""One check of a manifest under way: what it collects besides findings, and what the options make of a code."""

from collections.abc import Sequence
from dataclasses import replace

from switchbay.kit import shown
from switchbay.kit.findings import MAX_FINDINGS, Collector, Draft, SetVariable, Severity, TooManyFindings
from switchbay.kit.jsonreading import Locator
from switchbay.kit.jsonvalue import JsonValue
from switchbay.kit.pointer import Path, to_pointer
from switchbay.manifest.domain.codes import CATALOGUE, LOGO_CODES
from switchbay.manifest.domain.findings import HELP_PAGE, AppliedDefault
from switchbay.manifest.domain.model import Options
from switchbay.manifest.domain.placeholders import find_placeholders


class Check(Collector):
    """Collects the findings of one manifest."""

    def __init__(self, options: Options) -> None:
        super().__init__(CATALOGUE, HELP_PAGE)
        self.options = options
        self.defaults: list[AppliedDefault] = []
        self.ignored: list[str] = []
        self._placeholders: dict[str, list[Path]] = {}

    def severity_of(self, code: str) -> Severity:
        """What the catalogue says, raised where the options say so."""
        if (code in LOGO_CODES and self.options.logo_policy == "enforce") or (
            code == "unknown_member" and self.options.strict
        ):
            return Severity.ERROR
        return super().severity_of(code)

    def add_default(self, path: Path, value: JsonValue, reason: str) -> None:
        """Note a value that the manifest left to us."""
        self.defaults.append(AppliedDefault(to_pointer(path), value, reason))

    def has_placeholder(self, path: Path, value: JsonValue, *, address: bool = False) -> bool:
        """Note the unfilled placeholders of a value; a value that has any is judged no further."""
        names = find_placeholders(value, address=address) if isinstance(value, str) else ()
        for name in names:
            if name not in self._placeholders and len(self._placeholders) >= MAX_FINDINGS:
                raise TooManyFindings
            self._placeholders.setdefault(name, []).append(path)
        return bool(names)

    def late_drafts(self, places: Locator) -> Sequence[Draft]:
        """A finding for each placeholder that was not filled, at its first place."""
        drafts = []
        for name, paths in self._placeholders.items():
            first, *others = sorted(paths, key=lambda path: places.locate(path).order)
            more = f" and in {len(others)} more {'place' if len(others) == 1 else 'places'}" if others else ""
            message = f"the placeholder {name} is not filled at {to_pointer(first)}{more}"
            expected = f"a value for {name}, as in --set {name}=…"
            fix = SetVariable(name)
            draft = Draft("unfilled_placeholder", Severity.ERROR, first, message, name, expected, fix)
            drafts.append(replace(draft, also=tuple(others[:MAX_FINDINGS])))
        return drafts


def name_of(path: Path) -> str:
    """What a message calls the value at a path: the member's name, and which item of it."""
    return shown.name_of(path, whole="the manifest")
