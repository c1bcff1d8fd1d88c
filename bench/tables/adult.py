"""A made census: incomes above or below 50 000, unknown values written as `?`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .draws import drawn, effects, frame_of, picked

if TYPE_CHECKING:
    import pandas as pd

EDUCATION = (
    *("1st-4th", "5th-6th", "7th-8th", "9th", "10th", "11th", "12th", "HS-grad", "Some-college", "Assoc-voc", "Assoc-acdm"),
    *("Bachelors", "Masters", "Prof-school", "Doctorate"),
)
SCHOOL_YEARS = np.array([2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16])
OCCUPATIONS = (
    *("Prof-specialty", "Craft-repair", "Exec-managerial", "Adm-clerical", "Sales", "Other-service", "Machine-op-inspct"),
    *("Transport-moving", "Handlers-cleaners", "Farming-fishing", "Tech-support", "Protective-serv", "Priv-house-serv"),
)
COUNTRIES = (
    *("United-States", "Mexico", "Philippines", "Germany", "Canada", "Puerto-Rico", "El-Salvador", "India", "Cuba", "England"),
    *("Jamaica", "South", "China", "Italy", "Dominican-Republic", "Vietnam", "Guatemala", "Japan", "Poland", "Columbia"),
    *("Taiwan", "Haiti", "Iran", "Portugal", "Nicaragua", "Peru", "France", "Greece", "Ecuador", "Ireland", "Laos", "Thailand"),
)


def adult(seed: int = 0, rows: int = 10_000) -> pd.DataFrame:
    """A census: whether an income is above 50 000, from work, schooling, family and capital; unknown is written `?`."""
    random = np.random.default_rng(seed)
    age = np.clip((17 + random.gamma(2.6, 8.6, rows)).round(), 17, 90).astype(int)
    ability = random.standard_normal(rows)
    rank = np.argsort(np.argsort(ability + 0.5 * random.standard_normal(rows) - 1.0 * (age < 22))) / rows
    shares = np.cumsum([0.006, 0.011, 0.02, 0.016, 0.028, 0.036, 0.013, 0.322, 0.223, 0.042, 0.033, 0.164, 0.053, 0.018, 0.015])
    level = np.minimum(np.searchsorted(shares / shares[-1], rank), len(EDUCATION) - 1)
    schooling = SCHOOL_YEARS[level]
    male = random.random(rows) < 0.67
    married = random.random(rows) < np.where(male, 0.62, 0.16) * 1.05 / (1 + np.exp(-(age - 27) / 4.0))
    single = np.where(
        age < 30, "Never-married", picked(random, ("Never-married", "Divorced", "Separated", "Widowed"), (40, 40, 9, 11), rows)
    )
    marital = np.where(married, "Married-civ-spouse", single)
    alone = picked(random, ("Not-in-family", "Unmarried", "Own-child", "Other-relative"), (53, 22, 18, 7), rows)
    young = np.where((age < 26) & (random.random(rows) < 0.65), "Own-child", alone)
    relationship = np.where(married, np.where(male, "Husband", "Wife"), young)
    # An occupation suits a schooling: the scores make professions of the well schooled, service of the others.
    likes = np.array([1.0, -0.35, 0.7, 0.15, 0.2, -0.5, -0.5, -0.45, -0.6, -0.5, 0.5, 0.1, -0.7])
    base = np.log([0.9, 1.5, 1.3, 1.3, 1.3, 1.1, 0.7, 0.55, 0.45, 0.35, 0.4, 0.25, 0.06])
    pull = (
        base
        + np.outer((schooling - 10) / 2.0, likes)
        + np.outer(male, [0, 1.5, 0.2, -1.3, 0, -0.8, 0.2, 1.4, 1.2, 1.3, 0, 1.2, -3])
    )
    occupation = np.array(OCCUPATIONS, object)[(pull + random.gumbel(size=pull.shape)).argmax(axis=1)]
    work = ("Private", "Self-emp-not-inc", "Local-gov", "State-gov", "Self-emp-inc", "Federal-gov", "Without-pay")
    workclass = picked(random, work, (73.6, 8.3, 6.8, 4.2, 3.6, 3.1, 0.1), rows)
    hours = np.where(random.random(rows) < 0.47, 40, 40 + 11 * random.standard_normal(rows) + 2.5 * male - 9 * (age < 22))
    hours = np.clip(hours.round(), 1, 99).astype(int)
    country = picked(random, COUNTRIES, (900, 20, *([6] * 6), *([3] * 12), *([1.2] * 12)), rows)
    race = picked(random, ("White", "Black", "Asian-Pac-Islander", "Amer-Indian-Eskimo", "Other"), (85, 9.6, 3.2, 1, 0.8), rows)
    steady = np.clip((age - 17) / 20, 0, 1) - np.clip((age - 58) / 15, 0, 2)
    log_odds = 2.3 * married + 0.33 * (schooling - 10) + 0.9 * (schooling >= 13) + 2.4 * steady - 2.5 * (age < 22)
    log_odds += 0.035 * np.clip(hours - 40, -25, 20) * (1 + 0.6 * married) + 0.25 * male * ~married + 0.5 * ability
    log_odds += effects(
        occupation, exec_managerial=0.9, prof_specialty=0.5, tech_support=0.55, sales=0.25, protective_serv=0.5,
        other_service=-0.9, handlers_cleaners=-0.8, farming_fishing=-1.0, machine_op_inspct=-0.3, priv_house_serv=-2.0,
    )  # fmt: skip
    log_odds += effects(workclass, self_emp_inc=0.5, federal_gov=0.5, self_emp_not_inc=-0.5, state_gov=-0.2, without_pay=-3.0)
    log_odds += np.where((workclass == "Self-emp-not-inc") & (schooling >= 15), 1.2, 0.0) - 0.25 * (race != "White")
    gains = random.random(rows) < 1 / (1 + np.exp(-(-3.4 + 0.35 * log_odds)))
    gain = np.where(
        gains, random.choice([594, 2174, 2829, 3103, 3325, 4386, 5013, 7298, 7688, 10520, 15024, 27828, 99999], rows), 0
    )
    losses = ~gains & (random.random(rows) < 0.05)
    loss = np.where(losses, random.choice([1408, 1485, 1590, 1602, 1672, 1740, 1887, 1902, 1977, 2001, 2258, 2415], rows), 0)
    log_odds += 6.0 * (gain > 7000) + 1.5 * np.isin(gain, [3103, 4386]) - 2.0 * np.isin(gain, [594, 2174, 2829, 3325, 5013])
    log_odds += 2.5 * np.isin(loss, [1887, 1902, 1977, 2415]) - 0.8 * np.isin(loss, [1408, 1590, 1602, 1672, 1740])
    rich = drawn(random, 1.15 * (log_odds - log_odds.mean()), 0.241)
    unknown = random.random(rows) < np.where((age < 22) | (age > 62), 0.12, 0.035)
    return frame_of(
        {
            "age": age,
            "workclass": np.where(unknown, "?", workclass),
            "fnlwgt": (random.lognormal(12.05, 0.55, rows)).astype(int),
            "education": np.array(EDUCATION, object)[level],
            "education-num": schooling,
            "marital-status": marital,
            "occupation": np.where(unknown, "?", occupation),
            "relationship": relationship,
            "race": race,
            "sex": np.where(male, "Male", "Female"),
            "capital-gain": gain,
            "capital-loss": loss,
            "hours-per-week": hours,
            "native-country": np.where(random.random(rows) < 0.018, "?", country),
            "income": np.where(rich == 1, ">50K", "<=50K"),
        }
    )
