"""A made table with a column of dates: what shops sell in a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...trainer.extras import require
from .draws import effects, frame_of, picked

if TYPE_CHECKING:
    import pandas as pd


def demand(seed: int = 0, days: int = 1000) -> pd.DataFrame:
    """What eight shops sold on each of many days: seasons, weekdays, a trend, promotions that work differently by shop."""
    random = np.random.default_rng(seed)
    pandas = require("pandas", "the made tables")
    stores = np.array(["north", "south", "harbour", "centre", "station", "mall", "airport", "village"], object)
    date = np.tile(np.datetime64("2021-03-01") + np.arange(days), len(stores))
    store = np.repeat(np.arange(len(stores)), days)
    day = np.tile(np.arange(days), len(stores))
    calendar = pandas.DatetimeIndex(date)
    weekday, of_year = calendar.day_of_week.to_numpy(), calendar.day_of_year.to_numpy()
    weather = np.empty(days)
    weather[0] = 0.0
    for i in range(1, days):
        weather[i] = 0.8 * weather[i - 1] + 2.0 * random.standard_normal()
    temperature = (
        11 - 10.5 * np.cos(2 * np.pi * (of_year - 20) / 365.25) + weather[day] + 0.7 * random.standard_normal(len(day))
    )
    promo = random.random(len(day)) < np.where(weekday < 5, 0.18, 0.08)
    kind = np.where(promo, picked(random, ("leaflet", "price", "two for one"), (5, 3, 2), len(day)), "none")
    holiday = np.isin(calendar.strftime("%m-%d"), ["01-01", "05-01", "10-03", "12-25", "12-26"])
    size = np.array([3.6, 3.9, 4.1, 4.9, 4.6, 4.8, 4.3, 3.1])[store]
    week = np.array(
        [[0, -0.05, 0, 0.05, 0.2, 0.45, -0.6], [0.1, 0.1, 0.1, 0.1, 0.2, -0.5, -1.0], [0.05, 0, 0, 0, 0.1, 0.1, 0.15]]
    )
    log_units = size + week[np.array([0, 0, 0, 1, 1, 0, 2, 0])[store], weekday]
    log_units += 0.12 * np.sin(2 * np.pi * of_year / 365.25) + np.array([1, -1, 2, 0, 1, 2, 4, -2])[store] * 1e-4 * day
    log_units += np.where(store == 2, 0.03, 0.008) * np.maximum(temperature - 15, 0) - 0.02 * np.maximum(-temperature, 0)
    log_units += effects(kind, leaflet=0.15, price=0.35, two_for_one=0.55) * np.where(np.isin(store, [3, 6]), 0.4, 1.0)
    log_units += 0.35 * np.exp(-(((of_year - 352) / 8.0) ** 2)) - 1.2 * holiday * (store != 6)
    rate = np.exp(log_units + 0.08 * random.standard_normal(len(day)))
    return frame_of(
        {
            "date": calendar.strftime("%Y-%m-%d"),
            "store": stores[store],
            "promo": kind,
            "holiday": np.where(holiday, "yes", "no"),
            "temperature": np.where(random.random(len(day)) < 0.04, np.nan, temperature.round(1)),
            "price_index": (100 + 0.01 * day + 1.5 * random.standard_normal(len(day))).round(2),
            "units": random.poisson(rate),
        }
    ).sample(frac=1.0, random_state=seed, ignore_index=True)
