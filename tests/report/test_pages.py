"""What coordinators and centres read: sums that add up, nothing identifying, nothing that a browser would execute."""

import csv
import io
import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import get_args

import pytest
from lxml import html

from collecte import report as room
from collecte.challenge import DicomOption, DicomRules
from collecte.challenge.kinds import AttributeRule, TextInPixels
from collecte.errors import Bug
from collecte.records import State
from collecte.report import (
    ChainHead,
    RuleGroup,
    Sums,
    centre_mail_text,
    cohort,
    coordinator_page,
    feedback_page,
    mail_text,
    wordings,
    write_feedback_csv,
)
from collecte.report.texts import texts, visible
from tests.report.builders import AT, BURNED, HOSTILE, PROMISES, STATES, SUMS, feedback, report, rows

LANGUAGES = pytest.mark.parametrize("language", ["fr", "en"])


def article(page: str, language: str) -> html.HtmlElement:
    (found,) = html.fromstring(page).xpath("//article[@lang=$language]", language=language)
    return found


def number(cell: html.HtmlElement) -> int:
    return int(re.sub(r"\D", "", cell.text_content()))


@LANGUAGES
def test_the_states_on_the_page_add_up_to_what_was_received(language: str) -> None:
    cells = article(coordinator_page(report()), language).xpath(".//td[@data-state]")
    shown = {cell.get("data-state"): number(cell) for cell in cells}
    assert shown.pop("received") == sum(shown.values()) == SUMS.received
    assert shown == {state.value: n for state, n in STATES.items()}


def test_figures_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(Bug, match="1243 files were received, and 1242 stand"):
        Sums(listed=1203, archives=2, members=42, states=STATES)


def test_a_label_that_is_no_id_is_refused_and_not_repeated() -> None:
    with pytest.raises(Bug) as caught:
        RuleGroup(wordings([BURNED]), 1, 1, ("DUPONT.dcm",))
    assert "DUPONT" not in str(caught.value)
    with pytest.raises(Bug):
        report(delivery="../DUPONT")


@pytest.mark.parametrize("link", ["https://elsewhere.example", "//elsewhere.example", "javascript:alert(1)"])
def test_a_link_that_leaves_the_report_is_refused(link: str) -> None:
    with pytest.raises(Bug, match="relative"):
        report(data_docs=link)


def test_what_a_file_wrote_as_its_modality_is_counted_and_not_repeated() -> None:
    page = coordinator_page(report())
    assert "DUPONT" not in page
    assert "Autres" in page


@LANGUAGES
def test_small_cells_are_masked_and_cannot_be_computed_from_the_total(language: str) -> None:
    page = article(coordinator_page(report()), language)
    for table in ("sex", "age"):
        cells = {cell.get(f"data-{table}"): cell.text_content() for cell in page.xpath(f".//td[@data-{table}]")}
        assert cells.pop("total") == "118"
        assert sum(text == "•" for text in cells.values()) >= 2
        assert not {"1", "2", "3", "4"} & set(cells.values())


def test_too_few_patients_are_not_shown_at_all() -> None:
    page = coordinator_page(report(cohort=cohort([("F", 40.0), ("M", 41.0)])))
    assert "data-sex" not in page
    assert "Trop peu de patients" in page


def test_counts_of_findings_are_never_masked() -> None:
    assert "1 fichier · 1 constat" in " ".join(article(coordinator_page(report()), "fr").text_content().split())


@LANGUAGES
def test_each_rule_stands_with_its_text_its_remedy_and_the_first_of_its_files(language: str) -> None:
    page = article(coordinator_page(report()), language)
    (section,) = page.xpath(".//section[contains(@aria-labelledby, 'DICOM-BURNED-IN')]")
    text = " ".join(section.text_content().split())
    assert " ".join(BURNED.text(language).split()) in text
    assert " ".join(BURNED.remedy(language).split()) in text
    assert len(re.findall(r"\bf\d+\b", section.xpath(".//details")[0].text_content())) == 200
    assert "50" in section.xpath(".//details")[0].text_content().split("f200")[1]


def test_what_needs_attention_stands_on_top() -> None:
    (notice,) = article(coordinator_page(report()), "fr").xpath(".//div[contains(@class, 'notice')]")
    text = notice.text_content()
    assert "CHU fictif d'Arvel est en retard" in text
    assert "prend fin dans 17 jours" in text
    assert "dépôt d0002" in text


def test_an_agreement_31_days_from_its_end_is_not_mentioned_yet() -> None:
    centre = report().centres[1]
    for days, due in ((31, False), (30, True), (0, True), (-1, True)):
        ends = date(2027, 2, 3) + timedelta(days)
        assert replace(centre, agreement_ends=ends).agreement_due(date(2027, 2, 3)) is due


def test_the_audit_chain_stands_on_the_page_and_is_a_hash() -> None:
    assert coordinator_page(report()).count("a1" * 32) == 2
    with pytest.raises(Bug):
        ChainHead("d0001", 1, "DUPONT")


@pytest.mark.parametrize("page", [coordinator_page(report()), feedback_page(feedback())], ids=["report", "feedback"])
def test_a_page_holds_no_script_and_no_address_elsewhere(page: str) -> None:
    tree = html.fromstring(page)
    assert not tree.xpath("//script|//img|//link|//iframe|//@src|//@onclick|//@style[contains(., 'url')]")
    assert all(":" not in link for link in tree.xpath("//a/@href"))
    ids = tree.xpath("//@id")
    assert len(ids) == len(set(ids))
    assert set(tree.xpath("//@aria-labelledby")) <= set(ids)
    assert all(th.get("scope") for th in tree.iter("th"))


def test_hostile_file_names_are_shown_to_their_centre_as_text() -> None:
    shown = html.fromstring(feedback_page(feedback())).xpath("//td[@class='path']")
    names = [cell.text_content() for cell in shown]
    assert set(map(visible, HOSTILE)) <= set(names)
    assert r"lot1/caf\xe9\u202egpj.exe" in names
    assert r"lot1/DUPONT\nJean.dcm" in names


def test_the_csv_opens_in_excel_and_computes_nothing() -> None:
    out = io.StringIO()
    write_feedback_csv(out, rows())
    text = out.getvalue()
    assert text.encode("utf-8").startswith(b"\xef\xbb\xbf")
    lines = list(csv.reader(io.StringIO(text[1:]), delimiter=";"))
    assert len(lines) == 1 + len(HOSTILE) + 2
    assert {len(row) for row in lines} == {8}
    assert not [cell for row in lines for cell in row if cell.lstrip().startswith(("=", "+", "-", "@"))]
    assert lines[4][2].startswith("'=HYPERLINK")


def test_a_centre_is_told_what_to_mend_first() -> None:
    page = html.fromstring(feedback_page(feedback()))
    codes = [code.text_content() for code in page.xpath("//ol[@class='steps']//span[@class='code']")]
    assert codes == ["DICOM-BURNED-IN", "QUALITY-IMAGE-SIZE"]
    assert "utilisables sur les" in page.text_content()


def test_a_delivery_without_a_fault_is_thanked_for() -> None:
    assert "Rien à corriger" in feedback_page(feedback(findings=(), paths={}))


def test_mails_count_and_name_no_file() -> None:
    for text in (mail_text(report()), centre_mail_text(report())):
        assert "Fichiers reçus : 1 242" in text
        assert not re.search(r"\.dcm|\.csv|DUPONT|\bf\d+\b", text)
    assert "Centres en retard : 1" in mail_text(report())
    assert "Le rapport complet : https://here/r" in mail_text(report(), "https://here/r")


def test_every_text_stands_in_both_languages_and_is_used() -> None:
    folder = Path(room.__file__).parent
    written = "".join(p.read_text("utf-8") for p in (*folder.glob("*.py"), *folder.glob("templates/*")))
    used = set(re.findall(r"""["']([a-z]+\.[A-Za-z_]+)["']""", written))
    open_ended = ("state.", "meaning.", "delivery.", "kind.", "severity.", "modality.", "sex.", "csv.")
    begun = {key for key in used if key not in texts() and any(known.startswith(key) for known in texts())}
    used, open_ended = used - begun, (*open_ended, *begun, "homogeneity.", "option.", "action.", "rules.text_")
    assert {key for key in used if key.split(".")[0] in {k.split(".")[0] for k in texts()}} <= set(texts())
    assert not [key for key in texts() if key not in used and not key.startswith(open_ended)]
    for key, words in texts().items():
        assert set(words) == {"fr", "en"}, key
        fields = [set(re.findall(r"{(\w+)}", str(words[language]))) for language in ("fr", "en")]
        assert fields[0] == fields[1], key
    assert {f"{group}.{state}" for state in State for group in ("state", "meaning")} <= set(texts())


def test_the_same_report_is_the_same_page() -> None:
    assert coordinator_page(report()) == coordinator_page(report(promises=PROMISES, at=AT))
    assert isinstance(report().findings[0], RuleGroup)


@LANGUAGES
def test_the_rules_by_which_images_were_made_safe_stand_in_one_line(language: str) -> None:
    rules = DicomRules.model_validate(
        {
            "options": ["clean_descriptors", "retain_safe_private"],
            "attributes": [
                {"attribute": "SeriesDescription", "action": "keep"},
                {"attribute": "(0019,xx0C)", "creator": "SIEMENS MR HEADER", "action": "remove"},
            ],
            "text_in_pixels": {"found": "mask"},
        }
    )
    page = coordinator_page(report(dicom=rules, edition="2026c"))
    told = article(page, language).xpath("string(.//section[contains(@aria-labelledby, 'rules')])")
    wanted = {
        "fr": ("édition 2026c", "descriptions nettoyées", "SeriesDescription (gardé)", "(retiré)", "masqué"),
        "en": ("edition 2026c", "descriptors cleaned", "SeriesDescription (kept)", "(removed)", "masked"),
    }[language]
    assert [words for words in (*wanted, "SIEMENS MR HEADER") if words not in told] == []


def test_a_challenge_without_images_has_no_rules_for_them() -> None:
    assert not article(coordinator_page(report()), "fr").xpath(".//section[contains(@aria-labelledby, 'rules')]")


def test_each_option_and_action_has_its_words_in_both_languages() -> None:
    options = {f"option.{name}" for name in get_args(DicomOption)}
    actions = {f"action.{name}" for name in get_args(AttributeRule.model_fields["action"].annotation)}
    found = {f"rules.text_{name}" for name in get_args(TextInPixels.model_fields["found"].annotation)}
    assert options | actions | found <= set(texts())
