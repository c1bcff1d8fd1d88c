"""The browser of the tests: Chromium or Chrome, where the system has one."""

import shutil

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
NO_BROWSER = "there is no Chromium or Chrome; install it, as apt-get install chromium"
