"""A made table of a ship's passengers, 891 rows with the columns and the missing values of the well-known one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .draws import drawn, frame_of, picked, with_missing

if TYPE_CHECKING:
    import pandas as pd

SURNAMES = (
    *("Abbott", "Andersson", "Baker", "Becker", "Brown", "Carter", "Davies", "Dumont", "Fischer", "Ford", "Gale", "Harris"),
    *("Hansen", "Jensen", "Keane", "Kelly", "Laroche", "Lindqvist", "Moran", "Navratil", "Olsen", "Panula", "Rice", "Sage"),
)
FIRST_NAMES = {
    "male": ("William", "John", "Karl", "Thomas", "George", "Ivan", "Patrick", "Henri", "Johan", "Charles"),
    "female": ("Mary", "Anna", "Elizabeth", "Margaret", "Ellen", "Helen", "Bertha", "Alice", "Maria", "Katherine"),
}


def passengers(seed: int = 0, rows: int = 891) -> pd.DataFrame:
    """Parties that travel on one ticket; who survived depends on sex, class and age together, and on the party."""
    random = np.random.default_rng(seed)
    size = random.choice([1, 2, 3, 4, 5, 6, 8], rows, p=[0.76, 0.12, 0.06, 0.03, 0.014, 0.01, 0.006])
    party = np.repeat(np.arange(rows), size)[:rows]
    party = party[random.permutation(rows)]
    n_party = party.max() + 1
    place = np.zeros(rows, int)  # 0 and 1: the parents of a party; from 2 on: its children
    seen = np.zeros(n_party, int)
    for row in range(rows):
        place[row], seen[party[row]] = seen[party[row]], seen[party[row]] + 1
    together = seen[party]
    pclass = random.choice([1, 2, 3], n_party, p=[0.24, 0.21, 0.55])[party]
    port = picked(random, ("S", "C", "Q"), (0.72, 0.19, 0.09), n_party)[party]
    child = place >= 2
    male = np.where(place == 0, random.random(rows) < 0.72, random.random(rows) < np.where(child, 0.5, 0.25))
    sex = np.where(male, "male", "female").astype(object)
    age = np.where(child, random.gamma(2.0, 3.5, rows), 17 + random.gamma(2.2, 7.5, rows) + 5.0 * (3 - pclass) * 0.9)
    age = np.clip(np.where(age < 1, age.round(2), age.round()), 0.42, 80)
    siblings = np.where(child, np.maximum(together - 3, 0), (together >= 2).astype(int))
    parents = np.where(child, 2, np.maximum(together - 2, 0))
    fare_of_party = random.lognormal(0.0, 0.45, n_party)[party]
    fare = np.array([60.0, 15.0, 8.3])[pclass - 1] * fare_of_party * (1 + 0.65 * (together - 1))
    fare = np.where(random.random(rows) < 0.015, 0.0, fare.round(4))
    cabin_known = random.random(n_party)[party] < np.array([0.8, 0.09, 0.025])[pclass - 1]
    deck = np.array(list("BCDEAFG"), object)[random.choice(7, n_party, p=[0.23, 0.29, 0.16, 0.16, 0.07, 0.06, 0.03])[party]]
    number = random.integers(2, 130, n_party)[party]
    female = ~male
    log_odds = 2.9 * female - 1.2 * (female & (pclass == 3)) - 0.9 * (pclass - 2) - 0.025 * (age - 30)
    log_odds += np.where((age < 13) & (pclass < 3), 2.2, np.where(age < 13, 0.8, 0.0)) - 1.3 * (together > 4)
    log_odds += 0.45 * (port == "C") + 0.5 * cabin_known + 0.7 * random.standard_normal(n_party)[party]
    surname = np.array(SURNAMES, object)[random.integers(0, len(SURNAMES), n_party)[party]]
    title = np.where(male, np.where(age < 14, "Master", "Mr"), np.where((place == 1) | (age > 35), "Mrs", "Miss"))
    first = [str(random.choice(FIRST_NAMES[one])) for one in sex]
    second = [str(random.choice(FIRST_NAMES["male"])) for _ in range(rows)]
    ticket = random.permutation(400_000)[:n_party][party]
    prefix = np.array(["", "", "", "PC ", "A/5 ", "C.A. ", "STON/O 2. "], object)[random.integers(0, 7, n_party)[party]]
    return frame_of(
        {
            "PassengerId": np.arange(1, rows + 1),
            "Survived": drawn(random, log_odds, 0.384),
            "Pclass": pclass,
            "Name": [f"{a}, {b}. {c} {d}" for a, b, c, d in zip(surname, title, first, second, strict=True)],
            "Sex": sex,
            "Age": np.where(random.random(rows) < 0.19 + 0.07 * (pclass == 3), np.nan, age),
            "SibSp": siblings,
            "Parch": parents,
            "Ticket": [f"{a}{b}" for a, b in zip(prefix, ticket, strict=True)],
            "Fare": fare,
            "Cabin": with_missing([f"{a}{b}" for a, b in zip(deck, number, strict=True)], ~cabin_known),
            "Embarked": with_missing(port, random.random(rows) < 0.003),
        }
    )
