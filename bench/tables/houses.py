"""Made sales of houses: mixed categories, missing values, and prices with a heavy tail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .draws import effects, frame_of, picked, with_missing

if TYPE_CHECKING:
    import pandas as pd

# Share of the houses, and the logarithm of what a place is worth.
PLACES = {
    "NAmes": (0.154, -0.05), "CollgCr": (0.103, 0.06), "OldTown": (0.077, -0.18), "Edwards": (0.068, -0.14),
    "Somerst": (0.059, 0.12), "Gilbert": (0.054, 0.05), "NridgHt": (0.053, 0.26), "Sawyer": (0.051, -0.06),
    "NWAmes": (0.05, 0.02), "SawyerW": (0.04, 0.03), "BrkSide": (0.04, -0.1), "Crawfor": (0.035, 0.15),
    "Mitchel": (0.034, 0.0), "NoRidge": (0.028, 0.28), "Timber": (0.026, 0.1), "IDOTRR": (0.025, -0.28),
    "ClearCr": (0.019, 0.12), "StoneBr": (0.017, 0.32), "SWISU": (0.017, -0.12), "Blmngtn": (0.012, 0.08),
    "MeadowV": (0.012, -0.33), "BrDale": (0.011, -0.3), "Veenker": (0.008, 0.14),
}  # fmt: skip
GRADES = np.array(["Po", "Fa", "TA", "Gd", "Ex"], object)


def houses(seed: int = 0, rows: int = 2000) -> pd.DataFrame:
    """Houses and their prices: worth multiplies, so that prices are skewed; NA stands both for "none" and for "unknown"."""
    random = np.random.default_rng(seed)
    place = random.choice(len(PLACES), rows, p=(shares := np.array([share for share, _ in PLACES.values()])) / shares.sum())
    worth = np.array([size for _, size in PLACES.values()])[place]
    quality = np.clip((6.1 + 3.6 * worth + 1.1 * random.standard_normal(rows)).round(), 1, 10).astype(int)
    built = np.clip((1972 + 90 * worth + 6 * (quality - 6) + 18 * random.standard_normal(rows)).round(), 1875, 2010).astype(int)
    condition = np.where(built > 1998, 5, np.clip((5.8 + 1.2 * random.standard_normal(rows)).round(), 1, 9)).astype(int)
    renewed = np.where(random.random(rows) < 0.45, random.integers(built, 2011), built)
    renewed = np.maximum(renewed, 1950)
    storeys = picked(random, ("1Story", "2Story", "1.5Fin", "SLvl"), (50, 31, 12, 7), rows)
    first = np.exp(7.02 + 0.35 * worth + 0.06 * (quality - 6) + 0.22 * random.standard_normal(rows)).round()
    upper = np.where(storeys == "2Story", 0.92, np.where(storeys == "1.5Fin", 0.5, 0.0)) * first
    living = (first + upper * np.exp(0.12 * random.standard_normal(rows))).round()
    lot = np.exp(9.05 + 0.3 * worth + 0.15 * (living / 1500 - 1) + 0.4 * random.standard_t(4, rows) * 0.8).round()
    frontage = np.where(
        random.random(rows) < 0.17, np.nan, (np.sqrt(lot) * np.exp(-0.35 + 0.2 * random.standard_normal(rows))).round()
    )
    no_cellar = random.random(rows) < 0.026
    cellar = np.where(no_cellar, 0.0, (first * np.clip(0.96 + 0.1 * random.standard_normal(rows), 0.3, 1.1)).round())
    finished = np.where(no_cellar | (random.random(rows) < 0.31), 0.0, (cellar * random.beta(2, 1.6, rows)).round())
    rooms = np.clip((living / 270 + 0.9 * random.standard_normal(rows)).round(), 3, 14).astype(int)
    beds = np.clip((rooms * 0.45 + 0.5 * random.standard_normal(rows)).round(), 1, 6).astype(int)
    baths = np.clip((living / 1000 + 0.4 * (built > 1980) + 0.35 * random.standard_normal(rows)).round(), 1, 3).astype(int)
    no_garage = random.random(rows) < np.where(built < 1945, 0.15, 0.04)
    cars = np.where(
        no_garage,
        0,
        np.clip((1.7 + 0.25 * (quality - 6) + 0.4 * (built > 1990) + 0.5 * random.standard_normal(rows)).round(), 1, 4),
    )
    garage = np.where(no_garage, 0.0, (cars * 262 * np.exp(0.14 * random.standard_normal(rows))).round())
    fires = np.clip(random.poisson(np.clip(0.55 + 0.3 * (quality - 6) + 0.5 * (living > 1700), 0.05, None)), 0, 3)

    def graded(lean: float) -> np.ndarray:
        return np.clip(
            (2.5 + lean * (quality - 6) + 0.008 * (renewed - 1985) + 0.45 * random.standard_normal(rows)).round(), 0, 4
        ).astype(int)

    outside, kitchen, under = graded(0.35), graded(0.4), graded(0.3)
    central = random.random(rows) < np.where(built < 1950, 0.78, 0.97)
    pool = random.random(rows) < 0.005
    month, year = (
        random.choice(np.arange(1, 13), rows, p=np.array([4, 4, 7, 9, 14, 17, 16, 8, 5, 6, 5, 5]) / 100),
        random.integers(2006, 2011, rows),
    )
    sale = picked(random, ("Normal", "Partial", "Abnorml", "Family"), (82, 8.5, 7, 2), rows)
    sale = np.where((sale == "Partial") & (built < 2004), "Normal", sale)
    zone = np.where(
        random.random(rows) < np.where(worth < -0.08, 0.5, 0.06), "RM", np.where(random.random(rows) < 0.05, "FV", "RL")
    )
    log_price = (
        11.98 + worth * 0.7 + 0.085 * (quality - 6) + 0.012 * np.maximum(quality - 7, 0) ** 2 + 0.55 * np.log(living / 1450)
    )
    log_price += (
        0.0024 * (np.minimum(built, 2005) - 1972) + 0.0012 * (renewed - 1985) + 0.045 * (condition - 5) * (built < 1995)
    )
    log_price += (
        0.09 * np.log(lot / 9500)
        + 0.00006 * finished
        + 0.00008 * cellar * (quality > 6)
        + 0.04 * np.minimum(cars, 3)
        + 0.03 * baths
    )
    log_price += 0.035 * fires + 0.03 * (kitchen - 2) + 0.02 * (outside - 2) + 0.02 * (under - 2) * ~no_cellar + 0.07 * central
    log_price += effects(sale, partial=0.06, abnorml=-0.12, family=-0.06) - 0.05 * (zone == "RM") + 0.1 * pool
    log_price += np.array([0.0, 0.01, 0.02, -0.01, -0.03])[year - 2006] + 0.03 * worth * (year - 2008)
    log_price += np.where(random.random(rows) < 0.03, 0.26, 0.1) * random.standard_normal(rows)
    return frame_of(
        {
            "Id": np.arange(1, rows + 1),
            "MSZoning": zone,
            "LotFrontage": frontage,
            "LotArea": lot.astype(int),
            "Street": np.where(random.random(rows) < 0.004, "Grvl", "Pave"),
            "Alley": with_missing("Grvl", random.random(rows) >= 0.06),
            "Neighborhood": np.array(list(PLACES), object)[place],
            "HouseStyle": storeys,
            "OverallQual": quality,
            "OverallCond": condition,
            "YearBuilt": built,
            "YearRemodAdd": renewed,
            "ExterQual": GRADES[outside],
            "BsmtQual": with_missing(GRADES[under], no_cellar),
            "BsmtFinSF1": finished.astype(int),
            "TotalBsmtSF": cellar.astype(int),
            "CentralAir": np.where(central, "Y", "N"),
            "1stFlrSF": first.astype(int),
            "GrLivArea": living.astype(int),
            "FullBath": baths,
            "BedroomAbvGr": beds,
            "KitchenQual": GRADES[kitchen],
            "TotRmsAbvGrd": rooms,
            "Fireplaces": fires,
            "FireplaceQu": with_missing(GRADES[graded(0.3)], fires == 0),
            "GarageType": with_missing(picked(random, ("Attchd", "Detchd", "BuiltIn"), (62, 29, 9), rows), no_garage),
            "GarageYrBlt": np.where(no_garage, np.nan, np.minimum(built + np.where(random.random(rows) < 0.2, 12, 0), 2010)),
            "GarageCars": cars.astype(int),
            "GarageArea": garage.astype(int),
            "PoolQC": with_missing("Gd", ~pool),
            "MoSold": month,
            "YrSold": year,
            "SaleCondition": sale,
            "SalePrice": (np.exp(log_price) / 100).round().astype(int) * 100,
        }
    )
