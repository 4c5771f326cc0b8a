"""The page of homogeneity: the worst in words, every cell in colour and sign, both languages, nothing that runs."""

import re

import pytest

from collecte.findings import Finding
from collecte.report import Challenge, Difference, HomogeneityReport, effects_csv, homogeneity_page, homogeneity_text

CENTRES = {"nord": "CHU fictif du Nord", "sud": "Hôpital <i>fictif</i> du Sud", "est": "Institut fictif de l'Est"}


def different(
    fact: str, centre: str, effect: float, level: str, here: str = "1.7", elsewhere: str = "170"
) -> Difference:
    codes = {"red": "HOMOGENEITY-DIFFERS-MUCH", "amber": "HOMOGENEITY-DIFFERS"}
    finding = (
        Finding(codes[level], fact, values={"centre": centre, "effect": f"{effect:.2f}"}) if level in codes else None
    )
    return Difference(fact, centre, "mean_difference", effect, 30, level, here, elsewhere, finding)  # type: ignore[arg-type]


def report() -> HomogeneityReport:
    found = [
        different("table.taille_cm", "est", 31.8, "red"),
        different("table.taille_cm", "nord", 1.4, "amber", "170", "1.71"),
        different("table.taille_cm", "sud", 1.3, "amber", "169", "1.72"),
        different("dicom.manufacturer", "sud", 0.7, "amber", "<script>alert(1)</script> (90%)", "ACME (80%)"),
        *(different("dicom.rows", centre, 0.1, "green", "512", "512") for centre in CENTRES),
        different("table.age", "est", 0.0, "unjudged", "–", "56"),
    ]
    challenge = Challenge("essai", "Essai", "Trial", "Société fictive", "bureau@exemple.invalid")
    contacts = {centre: f"Imagerie <imagerie@{centre}.example>" for centre in CENTRES}
    left = ("table.poids",)
    return HomogeneityReport(
        challenge, "red", "a" * 64, CENTRES, contacts, found, (), left, ("dicom.model",), "homogeneity.csv"
    )


def test_the_worst_facts_stand_first_each_at_its_gravest_centre() -> None:
    page = homogeneity_page(report())
    french = page[page.index('<article lang="fr"') : page.index('<article lang="en"')]
    told = re.findall(r"<h3>(\d)\. .*?</span> (.*?) <span", french, flags=re.S)
    assert [what for _, what in told] == [
        "colonne « taille_cm » – Institut fictif de l&#39;Est",
        "images, manufacturer – Hôpital &lt;i&gt;fictif&lt;/i&gt; du Sud",
    ]
    assert "facteur proche de 100\N{NO-BREAK SPACE}: une autre unité" in french
    assert "À demander à Imagerie &lt;imagerie@est.example&gt;" in french


def test_every_cell_has_a_sign_beside_its_colour_and_nothing_of_a_file_is_code() -> None:
    page = homogeneity_page(report())
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    for level, sign in (("red", "■ 31.80"), ("amber", "▲ 1.40"), ("green", "● 0.10"), ("unjudged", "· 0.00")):
        assert re.search(rf'<td class="heat {level}"[^>]*>{re.escape(sign)}<', page)
    assert page.count('<td class="heat unjudged">–</td>') == 8  # not measured there: two languages, four cells each
    assert "table.poids" in page
    assert "dicom.model" in page


def test_what_a_coordinator_is_asked_is_a_table_in_both_languages() -> None:
    red = {
        "fact": "table.taille_cm",
        "centre": "est",
        "statistic": "toy",
        "effect": "31.8",
        "here": "1|7",
        "elsewhere": "170",
    }
    text = homogeneity_text([red], CENTRES)
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) == 2
    assert all(row.count("|") == 6 for row in rows)
    assert "leave_out_fact" in text


@pytest.mark.parametrize("text", ["=1+1", "@SUM(A1)", "-2+3"])
def test_no_cell_of_the_table_is_run_as_a_formula(text: str) -> None:
    made = effects_csv([{"fact": "table.x", "here": text, "p": float("nan"), "effect": 1 / 3}])
    assert made.splitlines()[1] == f"table.x,'{text},,0.333333"
