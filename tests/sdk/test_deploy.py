"""What is handed to operators fits the program: dashboard, alert rules and documents name figures that exist."""

import json
import re
import urllib.request

import promql_parser
import pytest
import yaml

from harness.server import IDENTITIES, ROOT, Installation
from harness.wire import Credentials, Kms

DASHBOARD = ROOT / "deploy/grafana/strongroom.json"
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
OPERATIONS = ROOT / "docs/operations.md"

#: What Prometheus itself adds to every scrape.
OF_PROMETHEUS = {"up": {"job", "instance"}}


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Every metric of a server that has been called, with the labels it has and their values."""
    quotas = "throttle = true\n[quotas.requests_per_second]\nListAliases = 0.01\n[audit]\nstdout = true"
    installation = Installation(tmp_path_factory.mktemp("serve"), quotas)
    assert installation.init().returncode == 0
    _, access_key, secret, _ = IDENTITIES[0]
    with installation.serve() as server:
        kms = Kms(server, Credentials(access_key, secret))
        key = kms.key()["KeyId"]
        kms.ok("Encrypt", KeyId=key, Plaintext="c2VjcmV0")
        assert [kms.call("ListAliases").code for _ in range(2)] == [None, "ThrottlingException"]
        kms.close()
        for _ in range(100):
            with urllib.request.urlopen(f"{server.admin}/metrics", timeout=10) as reply:
                text = reply.read().decode()
            if "strongroom_keys{" in text:
                break
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, labels = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line).groups()
            of_name = found.setdefault(name, {})
            for label, value in re.findall(r'(\w+)="([^"]*)"', labels or ""):
                of_name.setdefault(label, set()).add(value)
    return found


def selectors(expression):
    """The names and label matchers of a PromQL expression; a syntax error fails the test."""
    for variable in ("$__rate_interval", "$__interval"):
        expression = expression.replace(variable, "5m")
    found = []

    def visit(node):
        selector = getattr(node, "vector_selector", node)
        if isinstance(selector, promql_parser.VectorSelector):
            found.append((selector.name, [matcher.name for matcher in selector.matchers.matchers]))

    promql_parser.walk(promql_parser.parse(expression), visit)
    assert found, expression
    return found


def check(figures, expression):
    for name, labels in selectors(expression):
        known = {name: set(labels) for name, labels in figures.items()} | OF_PROMETHEUS
        assert name in known, f"{name} does not exist ({expression})"
        assert set(labels) <= known[name] | {"instance", "job"}, f"{name} has no such labels: {labels}"
    for grouped in re.findall(r"by \(([^)]*)\)", expression):
        existing = {label for name, _ in selectors(expression) for label in figures.get(name, {})}
        assert set(grouped.replace(" ", "").split(",")) <= existing | {"instance", "le"}, expression


def test_every_panel_shows_what_exists(figures):
    dashboard = json.loads(DASHBOARD.read_text())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            check(figures, target["expr"])


def test_the_dashboard_shows_everything(figures):
    shown = DASHBOARD.read_text()
    for name in figures:
        base = re.sub("_(bucket|count|sum)$", "", name)
        assert base in shown, f"no panel shows {name}"


#: What somebody must be woken for, or told of, whatever else the rules say.
WATCHED = [
    "strongroom_sealed",
    "strongroom_audit_down",
    "strongroom_audit_write_failures_total",
    "strongroom_audit_lag_records",
    "strongroom_audit_sink_failures_total",
    "strongroom_audit_sink_lag_records",
    "strongroom_audit_sink_lost_records_total",
    "strongroom_certificate_not_after_seconds",
    "strongroom_slow_work_seconds",
    "strongroom_slow_throttles_total",
    "strongroom_throttles_total",
    "strongroom_store_failures_total",
    "up",
]


def test_what_matters_raises_an_alarm():
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    asked = {name for rule in rules for name, _ in selectors(rule["expr"])}
    assert set(WATCHED) <= asked


def test_every_alert_asks_for_what_exists(figures):
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 5
    for rule in rules:
        check(figures, rule["expr"])
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert rule["annotations"]["summary"] and rule["annotations"]["remedy"]


def test_a_name_that_does_not_exist_is_found(figures):
    """This test can fail."""
    with pytest.raises(AssertionError, match="does not exist"):
        check(figures, "rate(strongroom_call_total[5m])")
    with pytest.raises(AssertionError, match="no such labels"):
        check(figures, 'strongroom_keys{key="x"}')
    with pytest.raises(ValueError):
        check(figures, "rate(strongroom_calls_total[5m]")


def test_the_document_lists_every_metric(figures):
    listed = set(re.findall(r"^\| `(strongroom_\w+|process_\w+)`", OPERATIONS.read_text(), re.MULTILINE))
    existing = {re.sub("_(bucket|count|sum)$", "", name) for name in figures}
    assert existing == listed


def test_codes_of_the_alerts_exist():
    """An error code that is spelt wrong would never raise an alarm."""
    sources = [
        *ROOT.glob("crates/wire/src/kms/generated/faults.rs"),
        *ROOT.glob("crates/wire/src/query/generated/faults.rs"),
    ]
    known = {code for source in sources for code in re.findall(r'=> "(\w+)"', source.read_text())}
    text = ALERTS.read_text() + DASHBOARD.read_text()
    for codes in re.findall(r'code=~?\\?"([\w|]+)\\?"', text):
        for code in codes.split("|"):
            assert code in known | {"Success"}, code
