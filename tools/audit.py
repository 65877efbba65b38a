"""Ask the package registry for known vulnerabilities of the locked dependencies.

Exit 1 when there are some; exit 0, with one sentence, when the registry does not answer such questions.
"""

import json
import subprocess
import sys


def main() -> int:
    """Run pip-audit over the lock file and judge what it says."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--format=json", "--timeout=10"]
    try:
        run = subprocess.run(
            [*command, "-r", "requirements.lock"], capture_output=True, text=True, timeout=180, check=False
        )
        dependencies = json.loads(run.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError, KeyError):
        print("audit: the registry did not answer; the dependencies were not checked for known vulnerabilities")
        return 0
    audited = [dependency for dependency in dependencies if "vulns" in dependency]
    bad = [dependency for dependency in audited if dependency["vulns"]]
    for dependency in bad:
        ids = ", ".join(vulnerability["id"] for vulnerability in dependency["vulns"])
        print(f"audit: {dependency['name']} {dependency['version']}: {ids}")
    print(f"audit: {len(audited)} of {len(dependencies)} dependencies checked, {len(bad)} with known vulnerabilities")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
