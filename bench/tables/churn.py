"""Made customers of a telephone company, and who of them left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .draws import drawn, frame_of, picked

if TYPE_CHECKING:
    import pandas as pd


def churn(seed: int = 0, rows: int = 6000) -> pd.DataFrame:
    """Customers of a telephone company, and whether they left; what was paid in all is text, blank for the newest ones."""
    random = np.random.default_rng(seed)

    def yes(share: np.ndarray | float) -> np.ndarray:
        return random.random(rows) < share

    def words(which: np.ndarray, unless: np.ndarray | None = None, other: str = "") -> np.ndarray:
        text = np.where(which, "Yes", "No").astype(object)
        return text if unless is None else np.where(unless, other, text)

    loyal = random.beta(0.75, 0.75, rows)
    contract = np.where(
        loyal + 0.25 * random.standard_normal(rows) < 0.55, "Month-to-month", np.where(yes(0.46), "One year", "Two year")
    )
    tenure = np.clip((72 * np.clip(loyal + 0.18 * random.standard_normal(rows), 0, 1) ** 1.1).round(), 0, 72).astype(int)
    senior, partner = yes(0.162), yes(0.3 + 0.4 * loyal)
    dependents = yes(np.where(partner, 0.5, 0.09) * np.where(senior, 0.3, 1.0))
    phone = yes(0.903)
    internet = np.where(phone, picked(random, ("Fiber optic", "DSL", "No"), (48.5, 27.5, 24), rows), "DSL")
    none, fiber = internet == "No", internet == "Fiber optic"
    lines = phone & yes(0.25 + 0.4 * loyal * (1 + 0.3 * fiber))
    services = {name: ~none & yes(base + slope * loyal) for name, base, slope in (
        ("OnlineSecurity", 0.16, 0.42), ("OnlineBackup", 0.22, 0.45), ("DeviceProtection", 0.2, 0.48),
        ("TechSupport", 0.14, 0.46), ("StreamingTV", 0.32, 0.36), ("StreamingMovies", 0.32, 0.37),
    )}  # fmt: skip
    monthly = 20.0 * phone + 5.0 * lines + 25.0 * (internet == "DSL") + 50.0 * fiber - 0.5
    for name, price in zip(services, (5, 5, 5, 5, 10, 10), strict=True):
        monthly = monthly + price * services[name]
    monthly = np.clip((monthly + 0.8 * random.standard_normal(rows)) / 0.05, 365, 2375).round() * 0.05
    payments = ("Electronic check", "Mailed check", "Bank transfer (automatic)", "Credit card (automatic)")
    shares = np.stack([0.22 + 0.28 * fiber, np.where(none, 0.5, 0.18), 0.1 + 0.22 * loyal, 0.1 + 0.22 * loyal])
    payment = np.array(payments, object)[(np.log(shares) + random.gumbel(size=shares.shape)).argmax(axis=0)]
    paperless = yes(0.42 + 0.35 * fiber - 0.1 * none)
    monthly_contract = contract == "Month-to-month"
    log_odds = -1.15 * (contract == "One year") - 2.1 * (contract == "Two year") + 0.95 * fiber - 0.7 * none
    log_odds += (
        1.2 * np.exp(-tenure / 7.0) - 0.022 * tenure + 0.45 * (payment == "Electronic check") + 0.28 * paperless + 0.25 * senior
    )
    log_odds += 0.5 * (fiber & monthly_contract & (monthly > 90) & (tenure < 24)) - 0.4 * services["OnlineSecurity"]
    log_odds += -0.35 * services["TechSupport"] + 0.2 * services["StreamingTV"] - 0.2 * dependents + 0.25 * (lines & fiber)
    left = drawn(random, log_odds + 0.3 * random.standard_normal(rows), 0.265)
    total = np.where(tenure == 1, monthly, tenure * monthly * (1 + 0.03 * random.standard_normal(rows))).round(2)
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
    ends = ["".join(random.choice(letters, 5)) for _ in range(rows)]
    numbers = random.permutation(9000)[:rows] + 1000
    return frame_of(
        {
            "customerID": [f"{number}-{end}" for number, end in zip(numbers, ends, strict=True)],
            "gender": np.where(yes(0.505), "Male", "Female"),
            "SeniorCitizen": senior.astype(int),
            "Partner": words(partner),
            "Dependents": words(dependents),
            "tenure": tenure,
            "PhoneService": words(phone),
            "MultipleLines": words(lines, ~phone, "No phone service"),
            "InternetService": internet,
            **{name: words(which, none, "No internet service") for name, which in services.items()},
            "Contract": contract,
            "PaperlessBilling": words(paperless),
            "PaymentMethod": payment,
            "MonthlyCharges": monthly.round(2),
            "TotalCharges": [" " if months == 0 else f"{paid:.2f}" for months, paid in zip(tenure, total, strict=True)],
            "Churn": words(left == 1),
        }
    )
