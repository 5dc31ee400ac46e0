"""ListKeys and ListAliases page by page."""

import pytest

from harness.checks import check_fault, shown, violations


def pages(kms, operation, result, **members):
    marker = {}
    while True:
        page = kms.ok(operation, **members, **marker)
        assert page["Truncated"] == ("NextMarker" in page)
        assert set(page) <= {result, "NextMarker", "Truncated"}
        yield page[result]
        if not page["Truncated"]:
            return
        marker = {"Marker": page["NextMarker"]}


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 11, 1000])
def test_keys(kms, limit):
    made = {key["KeyId"]: key["Arn"] for key in (kms.key() for _ in range(10))}
    kms.ok_empty("DisableKey", KeyId=next(iter(made)))
    kms.ok("ScheduleKeyDeletion", KeyId=list(made)[1])
    listed = [entry for page in pages(kms, "ListKeys", "Keys", Limit=limit) for entry in page]
    assert all(set(entry) == {"KeyArn", "KeyId"} for entry in listed)
    assert {entry["KeyId"]: entry["KeyArn"] for entry in listed} == made, "keys in every state, each once"
    assert len(listed) == 10
    assert all(len(page) <= limit for page in pages(kms, "ListKeys", "Keys", Limit=limit))


@pytest.mark.parametrize("limit", [1, 3, 50, 100])
def test_aliases(kms, key, limit):
    names = {f"alias/n{number}" for number in range(10)}
    for name in names:
        kms.ok_empty("CreateAlias", AliasName=name, TargetKeyId=key["KeyId"])
    for members in ({}, {"KeyId": key["KeyId"]}):
        listed = [entry for page in pages(kms, "ListAliases", "Aliases", Limit=limit, **members) for entry in page]
        assert sorted(entry["AliasName"] for entry in listed) == sorted(names)


def test_aliases_of_one_key_alone(kms, key):
    other = kms.key()
    for name, target in [("alias/a", key), ("alias/b", other), ("alias/c", key)]:
        kms.ok_empty("CreateAlias", AliasName=name, TargetKeyId=target["KeyId"])
    listed = list(pages(kms, "ListAliases", "Aliases", KeyId=key["Arn"], Limit=1))
    assert sorted(entry["AliasName"] for page in listed for entry in page) == ["alias/a", "alias/c"]


def test_the_default_page_holds_a_hundred_keys(kms):
    for _ in range(101):
        kms.key()
    first = kms.ok("ListKeys")
    assert (len(first["Keys"]), first["Truncated"]) == (100, True)
    assert len(kms.ok("ListKeys", Marker=first["NextMarker"])["Keys"]) == 1


def test_nothing_is_one_empty_page(kms):
    assert kms.ok("ListKeys") == {"Keys": [], "Truncated": False}
    assert [
        entry for entry in kms.ok("ListAliases")["Aliases"] if not entry["AliasName"].startswith("alias/aws/")
    ] == []


@pytest.mark.parametrize("operation", ["ListKeys", "ListAliases"])
def test_refusals(kms, key, operation):
    for limit, word, bound in ((0, "greater", 1), (1001, "less", 1000)):
        text = violations(shown(limit, "limit", f"Member must have value {word} than or equal to {bound}"))
        check_fault(kms, operation, {"Limit": limit}, "ValidationException", text)
    for marker in ("nonsense", "AAAA", "eyJhIjoxfQ=="):
        check_fault(kms, operation, {"Marker": marker}, "InvalidMarkerException")
    check_fault(kms, operation, {"Marker": ""}, "ValidationException")


def test_a_marker_of_the_other_list(kms, key):
    for number in range(2):
        kms.ok_empty("CreateAlias", AliasName=f"alias/n{number}", TargetKeyId=key["KeyId"])
    kms.key()
    of_keys = kms.ok("ListKeys", Limit=1)["NextMarker"]
    of_aliases = kms.ok("ListAliases", Limit=1)["NextMarker"]
    check_fault(kms, "ListAliases", {"Marker": of_keys}, "InvalidMarkerException")
    check_fault(kms, "ListKeys", {"Marker": of_aliases}, "InvalidMarkerException")


def test_keys_shared_by_others(kms, key):
    """Nothing is shared here; the members are taken and change nothing."""
    for owners in (["SELF"], ["SELF", "OTHER_ACCOUNTS_VIA_RAM"]):
        listed = [entry for page in pages(kms, "ListKeys", "Keys", ResourceOwners=owners) for entry in page]
        assert [entry["KeyId"] for entry in listed] == [key["KeyId"]]
    others = [
        entry for page in pages(kms, "ListKeys", "Keys", ResourceOwners=["OTHER_ACCOUNTS_VIA_RAM"]) for entry in page
    ]
    assert others == []
