"""What a centre's manifest says, in the forms that hospitals' tools write."""

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collecte.receive import (
    Expected,
    Manifest,
    Reconciled,
    find_manifests,
    is_manifest,
    parse_manifest,
    reconcile,
    replaced_paths,
    verify_digest,
)
from tests.receive.builders import Item, deposit
from tests.receive.test_drop import names

A = hashlib.sha256(b"a").hexdigest()
B = hashlib.sha256(b"b").hexdigest()
MD5 = hashlib.md5(b"a").hexdigest()  # noqa: S324 what old hospital tools still write


def parse(text: str | bytes, name: str = "SHA256SUMS") -> Manifest:
    return parse_manifest(text.encode() if isinstance(text, str) else text, name)


def said(manifest: Manifest) -> dict[str, str | None]:
    return {name: expected.digest for name, expected in manifest.entries.items()}


def codes(reconciled: Reconciled) -> list[str]:
    return [f.code for f in reconciled.findings] + [f.code for _, f in reconciled.file_findings]


@pytest.mark.parametrize(
    "line",
    [
        f"{A}  IM 1", f"{A} *IM 1", f"{A.upper()}  IM 1", f"{A}\tIM 1", f"{A} IM 1", f"SHA256 (IM 1) = {A}",
        f"SHA256(IM 1)= {A}", f"SHA2-256 (IM 1) = {A}", f"{A}  ./IM 1", f"{A} *.\\IM 1",
    ],
)  # fmt: skip
@pytest.mark.parametrize("ending", ["\n", "\r\n", ""])
def test_gnu_and_bsd_lines_are_understood(line: str, ending: str) -> None:
    manifest = parse(line + ending)
    assert manifest.findings == ()
    assert said(manifest) == {"IM 1": f"sha256:{A}"}


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (f"{MD5}  a\n", "MD5SUMS"),
        (f"\ufeff{MD5}  a\n", "md5sums.txt"),
        (f"{MD5}  a\n".encode("utf-16"), "checksums.txt"),
        (f"MD5 hash of a:\r\n{MD5}\r\nCertUtil: -hashfile command completed successfully.\r\n", "a.md5"),
        (f"Hachage MD5 de a :\n{' '.join(MD5[i : i + 2] for i in range(0, 32, 2))}\nCertUtil: -hashfile", "x.md5"),
        (f"# made by a tool\n; and another\n\n{MD5} *a\n", "all.md5"),
        (MD5, "a.md5"),
    ],
)
def test_what_other_tools_write_is_understood(data: str | bytes, name: str) -> None:
    manifest = parse(data, name)
    assert manifest.findings == ()
    assert said(manifest) == {"a": f"md5:{MD5}"}


def test_escaped_names_with_newline_and_backslash_survive() -> None:
    manifest = parse(f"\\{A}  a\\nb\\\\c\\rd\n{B} *a\\nb\n")
    assert said(manifest) == {"a\nb\\c\rd": f"sha256:{A}", "a\\nb": f"sha256:{B}"}


@pytest.mark.parametrize(
    "line", ["what is this", f"{A[:-1]}  IM1", f"{A}  ../IM1", f"{A}  a\\..\\IM1", f"MD5 (x) = {A}", f"{A}"]
)
def test_a_line_that_cannot_be_read_is_a_finding_with_its_number_and_without_its_content(line: str) -> None:
    manifest = parse(f"{A}  ok\n{line}\n")
    assert set(manifest.entries) == {"ok"}
    (finding,) = manifest.findings
    assert (finding.code, finding.place, finding.count) == ("MANIFEST-LINE-UNREADABLE", "l. 2", 1)
    assert "IM1" not in finding.text("fr") + finding.text("en") + repr(finding) + repr(manifest)


def test_many_unreadable_lines_make_one_finding_that_names_the_first_of_them() -> None:
    (finding,) = parse("x\n" * 1000).findings
    assert finding.count == 1000
    assert finding.place.startswith("l. 1, 2, 3,")
    assert len(finding.place) < 200


def test_two_lines_that_contradict_each_other_are_a_finding_and_the_first_counts() -> None:
    manifest = parse(f"{A}  x\n{A}  x\n{B}  ./x\n")
    assert said(manifest) == {"x": f"sha256:{A}"}
    assert [(f.code, f.place) for f in manifest.findings] == [("MANIFEST-LINES-DISAGREE", "l. 3")]


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xff\xfe\x00", b"\xff\xfe\x00\xd8"])
def test_an_empty_or_unreadable_manifest_is_a_finding(data: bytes) -> None:
    assert [f.code for f in parse(data).findings] == ["MANIFEST-UNREADABLE"]


@pytest.mark.parametrize(
    "text",
    [
        f"fichier;taille;sha256;remplace\nétude 1/IM1;1 234;{A};ancien/IM1\n",
        f'Nom du fichier,Taille (octets),Empreinte,Remplace\n"étude 1/IM1",1234,{A},ancien/IM1\n',
        f"sep=;\nPath;Size;Hash;Replaces\r\nétude 1/IM1;1234;SHA256:{A.upper()};ancien/IM1\r\n",
        f"algorithm\thash\tname\tsize\treplaces\nSHA256\t{A}\tétude 1/IM1\t1\u202f234\tancien/IM1\n",
        f"#TYPE Microsoft.PowerShell\n\nfile|bytes|md5|sha-256|replaces\nétude 1/IM1|1234|{MD5}|{A}|ancien/IM1\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_table_with_name_size_and_digest_is_understood(text: str, encoding: str) -> None:
    manifest = parse(text.encode(encoding), "manifest.csv")
    assert manifest.findings == ()
    (expected,) = manifest.entries.values()
    assert list(manifest.entries) == ["étude 1/IM1"]
    assert (expected.digest, expected.size, expected.replaces) == (f"sha256:{A}", 1234, "ancien/IM1")
    assert is_manifest("liste.csv", text.encode(encoding))
    assert manifest.administrative


@pytest.mark.parametrize(
    "row",
    [f"IM1;12 Ko;{A}", f"IM1;-1;{A}", f"IM1;{'9' * 30};{A}", "IM1;1;zz", f"IM1;1;md5:{A}", f";1;{A}", f"../x;1;{A}"],
)
def test_a_table_row_that_cannot_be_read_is_a_finding_with_its_line(row: str) -> None:
    manifest = parse(f"fichier;taille;hash\n{row}\n", "manifest.csv")
    assert not manifest.entries
    assert [(f.code, f.place) for f in manifest.findings] == [("MANIFEST-LINE-UNREADABLE", "l. 2")]


def test_a_table_of_labels_that_also_names_digests_is_data_and_no_manifest() -> None:
    assert not is_manifest("labels.csv", f"file,sha256,diagnosis\nIM1,{A},CIN2\n".encode())
    assert not is_manifest("clinique.csv", b"ipp;nom;prenom\n1;DUPONT;Jean\n")
    assert not is_manifest("x.csv", b"\xff\xfea")
    assert not is_manifest("vide.csv", b"")
    assert not is_manifest("readme.txt", f"{A}  IM1\n".encode())
    assert not parse(f"file,sha256,diagnosis\nIM1,{A},CIN2\n", "manifest.csv").administrative
    headless = parse(f"IM1;12;{A}\n", "manifest.csv")
    assert [f.code for f in headless.findings] == ["MANIFEST-UNREADABLE"]
    assert not headless.administrative


def test_a_table_that_the_csv_reader_gives_up_on_is_a_finding() -> None:
    manifest = parse(f'file,sha256\nIM1,{A}\n"{"x" * 200_000}",{A}\n', "manifest.csv")
    assert set(manifest.entries) == {"IM1"}
    assert [f.code for f in manifest.findings] == ["MANIFEST-LINE-UNREADABLE"]


def test_manifests_are_found_by_name_and_the_one_that_speaks_for_all_comes_first() -> None:
    d = deposit(
        "a.zip", "a.zip.sha256", "liste.csv", "sub/MD5SUMS", "SHA256SUMS", "sub/t.csv", "sub/x.md5", "notes.txt"
    )
    assert [d.relative(e) for e in find_manifests(d)] == [
        "SHA256SUMS", "liste.csv", "a.zip.sha256", "sub/MD5SUMS", "sub/x.md5",
    ]  # fmt: skip


def test_a_file_too_large_for_a_manifest_is_none() -> None:
    assert find_manifests(deposit(Item("SHA256SUMS", size=2**40))) == ()


def test_absent_and_unlisted_files_are_findings() -> None:
    manifest = parse(f"{A}  a\n{B}  b\n{B}  c\n")
    result = reconcile(deposit("a", "x", "SHA256SUMS"), [manifest], ignore=["envoi/SHA256SUMS"])
    assert result.absent == ("b", "c")
    assert result.unlisted == ("envoi/x",)
    absent, unlisted = result.findings[0], result.file_findings[0]
    assert (absent.code, absent.count, absent.place) == ("MANIFEST-FILE-ABSENT", 2, "l. 2, 3")
    assert (unlisted[0], unlisted[1].code) == ("envoi/x", "MANIFEST-FILE-UNLISTED")
    assert {path: e.digest for path, e in result.expected.items()} == {"envoi/a": f"sha256:{A}"}


def test_a_refused_link_that_is_listed_is_not_called_absent() -> None:
    assert reconcile(deposit(Item("a", kind="symlink")), [parse(f"{A}  a\n")]).absent == ()


def test_a_size_that_differs_refuses_only_where_no_digest_decides() -> None:
    d = deposit(Item("a", size=5), Item("b", size=5))
    result = reconcile(d, [parse(f"file;size;hash\na;6;\nb;6;{A}\n", "manifest.csv")])
    assert result.differing == ("envoi/a", "envoi/b")
    assert [(path, f.code) for path, f in result.file_findings] == [("envoi/a", "MANIFEST-SIZE-DIFFERS")]


def test_what_a_manifest_says_of_itself_does_not_count() -> None:
    manifest = parse(f"{A}  SHA256SUMS\n{B}  a\n")
    result = reconcile(deposit("SHA256SUMS", "a"), [manifest], ignore=["envoi/SHA256SUMS"])
    assert set(result.expected) == {"envoi/a"}
    assert codes(result) == []


def test_a_digest_beside_one_file_does_not_speak_for_the_delivery() -> None:
    manifest = parse(f"{A}  a.zip\n", "a.zip.sha256")
    result = reconcile(deposit("a.zip", "a.zip.sha256", "b.zip"), [manifest])
    assert not result.whole
    assert result.unlisted == ()
    assert result.expected["envoi/a.zip"].digest == f"sha256:{A}"
    assert parse(f"{A}  a.zip\n{A}  b.zip\n", "envoi.sha256").whole


def test_a_manifest_in_a_sub_folder_names_files_of_that_folder_and_does_not_speak_for_the_delivery() -> None:
    result = reconcile(deposit("s/IM1", "IM1", "s/MD5SUMS"), [parse(f"{MD5}  IM1\n", "s/MD5SUMS")])
    assert set(result.expected) == {"envoi/s/IM1"}
    assert not result.whole


@pytest.mark.parametrize(
    ("listed", "there"),
    [
        ("étude/IM1", unicodedata.normalize("NFD", "étude/IM1")),
        (unicodedata.normalize("NFD", "étude/IM1"), "étude/IM1"),
        ("etude\\serie\\IM1", "etude/serie/IM1"),
        ("ETUDE/im1", "etude/IM1"),
        ("étude", b"\xe9tude".decode("utf-8", "surrogateescape")),
        ("envoi/etude/IM1", "etude/IM1"),
        ("C:\\export\\envoi\\etude\\IM1", "etude/IM1"),
        ("/mnt/export/IM1", "IM1"),
    ],
)
def test_names_are_recognised_through_normal_forms_case_encoding_and_foreign_roots(listed: str, there: str) -> None:
    result = reconcile(deposit(there), [parse(f"{A}  {listed}\n")])
    assert set(result.expected) == {f"envoi/{there}"}
    assert codes(result) == []


def test_a_latin_1_manifest_names_utf_8_files_and_latin_1_files() -> None:
    manifest = parse(f"{A}  étude\n".encode("latin-1"))
    raw = b"\xe9tude".decode("utf-8", "surrogateescape")
    assert set(reconcile(deposit("étude"), [manifest]).expected) == {"envoi/étude"}
    assert set(reconcile(deposit(raw), [manifest]).expected) == {f"envoi/{raw}"}
    both = reconcile(deposit("étude", raw), [manifest])
    assert set(both.expected) == {f"envoi/{raw}"}, "the very bytes go first"


def test_a_name_that_two_files_could_be_is_absent_rather_than_guessed() -> None:
    result = reconcile(deposit("im1", "Im1"), [parse(f"{A}  IM1\n")])
    assert result.expected == {}
    assert result.absent == ("IM1",)
    two = reconcile(deposit("im1"), [parse(f"{A}  IM1\n{B}  Im1\n")])
    assert two.expected == {}
    assert two.absent == ("IM1", "Im1")
    twins = reconcile(deposit("im1", "IM1"), [parse(f"{A}  IM1\n{B}  im1\n")])
    assert {path: e.hex for path, e in twins.expected.items()} == {"envoi/IM1": A, "envoi/im1": B}


def test_a_file_is_never_recognised_by_its_bare_name() -> None:
    assert reconcile(deposit("serie2/IM0001"), [parse(f"{A}  serie1/IM0001\n")]).absent == ("serie1/IM0001",)
    assert reconcile(deposit("IM0001"), [parse(f"{A}  serie1/IM0001\n")]).absent == ("serie1/IM0001",)


@given(st.dictionaries(st.lists(names, min_size=1, max_size=3).map("/".join), st.booleans(), min_size=1, max_size=12))
def test_every_name_that_sha256sum_writes_is_recognised(paths: dict[str, bool]) -> None:
    paths = {p: twin for p, twin in paths.items() if p != "SHA256SUMS" and not p.startswith(("/", "./", ".\\"))}
    paths = {p: t for p, t in paths.items() if ".." not in p.replace("\\", "/").split("/")}
    # Where all names look like another machine's absolute paths, their roots are another matter.
    paths["plain"] = True
    lines = []
    for path in paths:
        escaped = path.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
        lines.append(("\\" if escaped != path else "") + f"{digest}  {escaped}\n")
    manifest = parse("".join(lines).encode("utf-8", "surrogateescape"))
    assert manifest.findings == ()
    result = reconcile(deposit(*paths), [manifest])
    assert codes(result) == []
    for path in paths:
        assert (
            result.expected[f"envoi/{path}"].hex == hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()
        )


@given(st.binary(max_size=300), st.sampled_from(["SHA256SUMS", "manifest.csv", "x.md5", "s/liste.tsv"]))
def test_no_bytes_at_all_make_the_reader_raise(data: bytes, name: str) -> None:
    manifest = parse_manifest(data, name)
    is_manifest(name, data)
    reconcile(deposit("a"), [manifest])


def test_a_digest_that_differs_is_a_finding_and_case_does_not_matter() -> None:
    assert verify_digest(f"sha256:{A}", {"sha256": A.upper()}) is None
    finding = verify_digest(f"sha256:{A}", {"sha256": B})
    assert finding is not None
    assert finding.code == "MANIFEST-HASH-DIFFERS"
    assert finding.refuses
    with pytest.raises(KeyError):
        verify_digest(f"md5:{MD5}", {"sha256": A})


def test_what_is_replaced_may_be_meant_from_the_manifests_folder_or_from_the_drop() -> None:
    assert replaced_paths(deposit("x"), "sub", ".\\IM1") == ("envoi/sub/IM1", "IM1")
    assert replaced_paths(deposit("x"), "", "ancien/IM1") == ("envoi/ancien/IM1", "ancien/IM1")


def test_what_is_expected_shows_no_name() -> None:
    assert "DUPONT" not in repr(Expected("md5", MD5, replaces="DUPONT/IM1"))
    assert "DUPONT" not in repr(parse(f"{A}  DUPONT\n")) + repr(reconcile(deposit("DUPONT"), [parse(f"{A}  DUPONT\n")]))
