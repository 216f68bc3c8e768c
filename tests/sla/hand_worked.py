"""Deadlines worked by hand from the published notices, without pauses, in Asia/Shanghai.

Pauses stand in ``hand_worked_pauses.py``, other zones in ``hand_worked_zones.py``. Nothing here was
taken from a program: each row counts its days in words, so that a lawyer can check it with the
notice in hand. ``24:00`` is the end of the day; texts with an offset say which of two equal
wall-clock times is meant.
"""

from dataclasses import dataclass

SHANGHAI = "Asia/Shanghai"


@dataclass(frozen=True)
class Row:
    """A deadline: from ``start`` (local), with ``target``, to ``due`` (local) and ``due_utc``.

    ``rolled``: the day to which a deadline in calendar days would roll from a day off, else empty.
    """

    id: str
    start: str
    target: str
    due: str
    due_utc: str
    why: str
    rolled: str = ""
    provisional: bool = False
    pauses: tuple[tuple[str, str], ...] = ()
    calendar: str = "china"
    zone: str = SHANGHAI


SPRING_FESTIVAL_2026 = (
    Row(
        "sf2026-3wd-friday-before",
        *("2026-02-13 10:00", "3 working days", "2026-02-25 24:00", "2026-02-25 16:00"),
        "Sat 14 February is a make-up working day: 1. 15 to 23 February are off. Tue 24: 2, "
        "Wed 25: 3.",
    ),
    Row(
        "sf2026-7cd-friday-before",
        *("2026-02-13 10:00", "7 calendar days", "2026-02-20 24:00", "2026-02-20 16:00"),
        "14, 15, 16, 17, 18, 19, 20 February: 7. The 20th is off, so it would roll to Tue 24; the "
        "law's 7 days end five days before the 3 working days of the same start.",
        rolled="2026-02-24",
    ),
    Row(
        "sf2026-10wd-friday-before",
        *("2026-02-13 10:00", "10 working days", "2026-03-05 24:00", "2026-03-05 16:00"),
        "Sat 14 (make-up): 1; 24, 25, 26, 27: 5; Sat 28 (make-up): 6; 2, 3, 4, 5 March: 10.",
    ),
    Row(
        "sf2026-3wd-thursday-before",
        *("2026-02-12 15:00", "3 working days", "2026-02-24 24:00", "2026-02-24 16:00"),
        "Fri 13: 1, Sat 14 (make-up): 2, then the holiday, Tue 24: 3.",
    ),
    Row(
        "sf2026-3wd-start-on-make-up-saturday",
        *("2026-02-14 09:00", "3 working days", "2026-02-26 24:00", "2026-02-26 16:00"),
        "The day of the start is a make-up working day but never counts. Tue 24: 1, 25: 2, 26: 3.",
    ),
    Row(
        "sf2026-3wd-start-in-the-holiday",
        *("2026-02-17 12:00", "3 working days", "2026-02-26 24:00", "2026-02-26 16:00"),
        "Received on the first day of the lunar year. Tue 24: 1, Wed 25: 2, Thu 26: 3.",
    ),
    Row(
        "sf2026-10wd-ends-on-make-up-saturday",
        *("2026-02-09 08:30", "10 working days", "2026-02-28 24:00", "2026-02-28 16:00"),
        "10, 11, 12, 13: 4; Sat 14 (make-up): 5; 24, 25, 26, 27: 9; Sat 28 (make-up): 10.",
    ),
    Row(
        "sf2026-10wd-over-both-make-up-saturdays",
        *("2026-02-10 08:30", "10 working days", "2026-03-02 24:00", "2026-03-02 16:00"),
        "11, 12, 13: 3; Sat 14: 4; 24, 25, 26, 27: 8; Sat 28: 9; Sun 1 March is off; Mon 2: 10.",
    ),
    Row(
        "sf2026-3wd-over-the-second-make-up-saturday",
        *("2026-02-27 14:00", "3 working days", "2026-03-03 24:00", "2026-03-03 16:00"),
        "Sat 28 (make-up): 1; Sun 1 March is off; Mon 2: 2; Tue 3: 3.",
    ),
    Row(
        "sf2026-1wd-last-second-before-the-holiday",
        *("2026-02-14 23:59:59", "1 working day", "2026-02-24 24:00", "2026-02-24 16:00"),
        "Still Sat 14 February; the next working day after it is Tue 24.",
    ),
    Row(
        "sf2026-1wd-first-second-of-the-holiday",
        *("2026-02-15 00:00:00", "1 working day", "2026-02-24 24:00", "2026-02-24 16:00"),
        "Sun 15 February has begun; the next working day after it is again Tue 24.",
    ),
    Row(
        "sf2026-1wd-last-second-of-the-holiday",
        *("2026-02-23 23:59:59", "1 working day", "2026-02-24 24:00", "2026-02-24 16:00"),
        "Mon 23 is the last day off; Tue 24 counts whole.",
    ),
    Row(
        "sf2026-1wd-first-second-after-the-holiday",
        *("2026-02-24 00:00:00", "1 working day", "2026-02-25 24:00", "2026-02-25 16:00"),
        "Tue 24 has begun, so it is the day of the start and does not count: Wed 25.",
    ),
    Row(
        "sf2026-7cd-ends-on-make-up-saturday",
        *("2026-02-07 11:00", "7 calendar days", "2026-02-14 24:00", "2026-02-14 16:00"),
        "8 to 14 February: 7. Sat 14 is worked, so there is nothing to roll.",
    ),
    Row(
        "sf2026-7cd-ends-on-first-day-off",
        *("2026-02-08 11:00", "7 calendar days", "2026-02-15 24:00", "2026-02-15 16:00"),
        "9 to 15 February: 7. The 15th is off and would roll over the whole holiday to Tue 24.",
        rolled="2026-02-24",
    ),
    Row(
        "sf2026-10cd-appeal",
        *("2026-02-12 09:00", "10 calendar days", "2026-02-22 24:00", "2026-02-22 16:00"),
        "13 to 22 February: 10. The 22nd is off; it would roll to Tue 24.",
        rolled="2026-02-24",
    ),
    Row(
        "sf2026-7cd-ends-after-the-holiday",
        *("2026-02-18 09:00", "7 calendar days", "2026-02-25 24:00", "2026-02-25 16:00"),
        "19 to 25 February: 7. Wed 25 is a working day.",
    ),
)

SPRING_FESTIVAL_2025 = (
    Row(
        "sf2025-3wd-friday-before",
        *("2025-01-24 16:00", "3 working days", "2025-02-05 24:00", "2025-02-05 16:00"),
        "Sat 25 is off; Sun 26 January (make-up): 1; Mon 27: 2; 28 January to 4 February off; "
        "Wed 5: 3.",
    ),
    Row(
        "sf2025-7cd-friday-before",
        *("2025-01-24 16:00", "7 calendar days", "2025-01-31 24:00", "2025-01-31 16:00"),
        "25 to 31 January: 7. The 31st is off (rolled: Wed 5 February): the 3 working days of the "
        "same start end five days later.",
        rolled="2025-02-05",
    ),
    Row(
        "sf2025-3wd-start-on-make-up-sunday",
        *("2025-01-26 10:00", "3 working days", "2025-02-06 24:00", "2025-02-06 16:00"),
        "Sun 26 is worked but is the start. Mon 27: 1; Wed 5 February: 2; Thu 6: 3.",
    ),
    Row(
        "sf2025-3wd-start-on-saturday",
        *("2025-01-25 10:00", "3 working days", "2025-02-05 24:00", "2025-02-05 16:00"),
        "Sun 26 (make-up): 1; Mon 27: 2; Wed 5 February: 3.",
    ),
    Row(
        "sf2025-10wd-last-day-before",
        *("2025-01-27 17:30", "10 working days", "2025-02-17 24:00", "2025-02-17 16:00"),
        "5, 6, 7 February: 3; Sat 8 (make-up): 4; 10 to 14: 9; Mon 17: 10.",
    ),
    Row(
        "sf2025-1wd-friday-night",
        *("2025-02-07 23:59:59", "1 working day", "2025-02-08 24:00", "2025-02-08 16:00"),
        "The next day, Sat 8 February, is a make-up working day.",
    ),
)

SPRING_FESTIVAL_2024 = (
    Row(
        "sf2024-3wd-thursday-before",
        *("2024-02-08 11:00", "3 working days", "2024-02-19 24:00", "2024-02-19 16:00"),
        "Fri 9, the eve, is no public holiday in 2024: 1. 10 to 17 off. Sun 18 (make-up): 2. "
        "Mon 19: 3.",
    ),
    Row(
        "sf2024-7cd-thursday-before",
        *("2024-02-08 11:00", "7 calendar days", "2024-02-15 24:00", "2024-02-15 16:00"),
        "9 to 15 February: 7. The 15th is off and would roll to Sun 18, which is worked.",
        rolled="2024-02-18",
    ),
    Row(
        "sf2024-3wd-start-on-the-eve",
        *("2024-02-09 18:00", "3 working days", "2024-02-20 24:00", "2024-02-20 16:00"),
        "Sun 18 (make-up): 1; Mon 19: 2; Tue 20: 3.",
    ),
    Row(
        "sf2024-3wd-over-make-up-sunday-before",
        *("2024-02-02 09:00", "3 working days", "2024-02-06 24:00", "2024-02-06 16:00"),
        "Sat 3 is off; Sun 4 (make-up): 1; Mon 5: 2; Tue 6: 3.",
    ),
    Row(
        "sf2024-10wd-start-on-make-up-sunday",
        *("2024-02-04 09:00", "10 working days", "2024-02-22 24:00", "2024-02-22 16:00"),
        "5 to 9 February: 5; Sun 18 (make-up): 6; 19, 20, 21, 22: 10.",
    ),
    Row(
        "sf2024-7cd-ends-on-make-up-sunday",
        *("2024-02-11 09:00", "7 calendar days", "2024-02-18 24:00", "2024-02-18 16:00"),
        "12 to 18 February: 7. Sun 18 is worked: nothing to roll.",
    ),
)

NATIONAL_DAY = (
    Row(
        "nd2025-3wd-start-on-make-up-sunday",
        *("2025-09-28 17:00", "3 working days", "2025-10-09 24:00", "2025-10-09 16:00"),
        "Mon 29: 1; Tue 30: 2; 1 to 8 October off (with Mid-Autumn); Thu 9: 3.",
    ),
    Row(
        "nd2025-3wd-ends-on-make-up-saturday",
        *("2025-09-30 09:00", "3 working days", "2025-10-11 24:00", "2025-10-11 16:00"),
        "Thu 9: 1; Fri 10: 2; Sat 11 (make-up): 3.",
    ),
    Row(
        "nd2025-7cd",
        *("2025-09-30 09:00", "7 calendar days", "2025-10-07 24:00", "2025-10-07 16:00"),
        "1 to 7 October: 7. The 7th is off; with the eighth day of this long holiday it would "
        "roll to Thu 9.",
        rolled="2025-10-09",
    ),
    Row(
        "nd2025-1wd-saturday-before-make-up-sunday",
        *("2025-09-27 12:00", "1 working day", "2025-09-28 24:00", "2025-09-28 16:00"),
        "The next day, Sun 28 September, is a make-up working day.",
    ),
    Row(
        "nd2025-10wd",
        *("2025-09-26 12:00", "10 working days", "2025-10-16 24:00", "2025-10-16 16:00"),
        "Sun 28 (make-up): 1; 29, 30: 3; 9, 10 October: 5; Sat 11 (make-up): 6; 13 to 16: 10.",
    ),
    Row(
        "nd2026-3wd-last-second-before",
        *("2026-09-30 23:59:59", "3 working days", "2026-10-10 24:00", "2026-10-10 16:00"),
        "1 to 7 October off. Thu 8: 1; Fri 9: 2; Sat 10 (make-up): 3.",
    ),
    Row(
        "nd2026-3wd-first-second-of-the-holiday",
        *("2026-10-01 00:00:00", "3 working days", "2026-10-10 24:00", "2026-10-10 16:00"),
        "The start is a day off; Thu 8: 1; Fri 9: 2; Sat 10 (make-up): 3.",
    ),
    Row(
        "nd2026-7cd",
        *("2026-09-30 10:00", "7 calendar days", "2026-10-07 24:00", "2026-10-07 16:00"),
        "1 to 7 October: 7. Wed 7 is the last day off; it would roll to Thu 8.",
        rolled="2026-10-08",
    ),
    Row(
        "nd2026-10wd-over-two-holidays",
        *("2026-09-24 10:00", "10 working days", "2026-10-15 24:00", "2026-10-15 16:00"),
        "25 to 27 September off (Mid-Autumn); 28, 29, 30: 3; 1 to 7 October off; 8, 9: 5; Sat 10 "
        "(make-up): 6; Sun 11 off; 12, 13, 14, 15: 10.",
    ),
    Row(
        "ma2026-3wd-over-make-up-sunday",
        *("2026-09-19 10:00", "3 working days", "2026-09-22 24:00", "2026-09-22 16:00"),
        "The start is a Saturday. Sun 20 September (make-up): 1; Mon 21: 2; Tue 22: 3.",
    ),
)

ORDINARY_DAYS = (
    Row(
        "plain-3wd-monday",
        *("2026-03-09 09:00", "3 working days", "2026-03-12 24:00", "2026-03-12 16:00"),
        "Tue 10, Wed 11, Thu 12 March: 3.",
    ),
    Row(
        "plain-3wd-friday",
        *("2026-03-13 09:00", "3 working days", "2026-03-18 24:00", "2026-03-18 16:00"),
        "The weekend is off. Mon 16, Tue 17, Wed 18: 3.",
    ),
    Row(
        "plain-1wd-saturday",
        *("2026-03-14 09:00", "1 working day", "2026-03-16 24:00", "2026-03-16 16:00"),
        "Sun 15 is off; Mon 16: 1.",
    ),
    Row(
        "plain-1wd-local-day-is-not-the-day-in-utc",
        *("2026-03-09 16:00+00:00", "1 working day", "2026-03-11 24:00", "2026-03-11 16:00"),
        "16:00 in UTC on Mon 9 is 00:00 of Tue 10 in Shanghai. Wed 11: 1.",
    ),
    Row(
        "plain-1wd-one-second-earlier",
        *("2026-03-09 15:59:59+00:00", "1 working day", "2026-03-10 24:00", "2026-03-10 16:00"),
        "One second earlier it is still Mon 9 in Shanghai. Tue 10: 1.",
    ),
    Row(
        "plain-7cd-monday",
        *("2026-03-09 09:00", "7 calendar days", "2026-03-16 24:00", "2026-03-16 16:00"),
        "10 to 16 March: 7. Mon 16 is a working day.",
    ),
    Row(
        "plain-7cd-saturday",
        *("2026-03-07 09:00", "7 calendar days", "2026-03-14 24:00", "2026-03-14 16:00"),
        "8 to 14 March: 7. A Saturday; it would roll to Mon 16.",
        rolled="2026-03-16",
    ),
    Row(
        "labour2026-3wd",
        *("2026-04-30 18:00", "3 working days", "2026-05-08 24:00", "2026-05-08 16:00"),
        "1 to 5 May off. Wed 6, Thu 7, Fri 8: 3.",
    ),
    Row(
        "labour2026-10wd-over-make-up-saturday",
        *("2026-04-30 18:00", "10 working days", "2026-05-18 24:00", "2026-05-18 16:00"),
        "6, 7, 8 May: 3; Sat 9 (make-up): 4; 11 to 15: 9; Mon 18: 10.",
    ),
    Row(
        "qingming2026-1wd",
        *("2026-04-03 18:00", "1 working day", "2026-04-07 24:00", "2026-04-07 16:00"),
        "4 to 6 April off. Tue 7: 1.",
    ),
    Row(
        "newyear2026-3wd-two-announced-years",
        *("2025-12-31 18:00", "3 working days", "2026-01-06 24:00", "2026-01-06 16:00"),
        "1 to 3 January off; Sun 4 (make-up): 1; Mon 5: 2; Tue 6: 3. Both years are announced.",
    ),
)

YEAR_NOT_ANNOUNCED = (
    Row(
        "year2027-3wd",
        *("2026-12-30 10:00", "3 working days", "2027-01-05 24:00", "2027-01-05 16:00"),
        "Thu 31: 1; Fri 1 January is New Year's Day by law; the weekend; Mon 4: 2; Tue 5: 3. The "
        "notice for 2027 may move it.",
        provisional=True,
    ),
    Row(
        "year2027-1wd-ends-at-24-on-the-last-day",
        *("2026-12-30 10:00", "1 working day", "2026-12-31 24:00", "2026-12-31 16:00"),
        "Thu 31 December: 1. Its 24:00 is the first instant of 2027, but no day of 2027 counts.",
    ),
    Row(
        "year2027-1wd-from-the-last-day",
        *("2026-12-31 23:59:59", "1 working day", "2027-01-04 24:00", "2027-01-04 16:00"),
        "1 January is a holiday, 2 and 3 a weekend. Mon 4: 1.",
        provisional=True,
    ),
    Row(
        "year2027-1wd-from-new-year",
        *("2027-01-01 00:00:00", "1 working day", "2027-01-04 24:00", "2027-01-04 16:00"),
        "The start is New Year's Day, then a weekend. Mon 4: 1.",
        provisional=True,
    ),
    Row(
        "year2027-10wd",
        *("2026-12-24 10:00", "10 working days", "2027-01-08 24:00", "2027-01-08 16:00"),
        "Fri 25: 1; 28, 29, 30, 31: 5; 1 to 3 January off; 4, 5, 6, 7, 8: 10.",
        provisional=True,
    ),
    Row(
        "year2027-3wd-foreseen-spring-festival",
        *("2027-02-04 10:00", "3 working days", "2027-02-11 24:00", "2027-02-11 16:00"),
        "The law itself gives the eve and three days: 5, 6, 7, 8 February. Tue 9, Wed 10, Thu 11: "
        "3.",
        provisional=True,
    ),
    Row(
        "year2027-7cd",
        *("2026-12-28 10:00", "7 calendar days", "2027-01-04 24:00", "2027-01-04 16:00"),
        "29, 30, 31 December, 1, 2, 3, 4 January: 7. Calendar days ask no notice.",
    ),
    Row(
        "year2027-7cd-ends-on-new-year",
        *("2026-12-25 10:00", "7 calendar days", "2027-01-01 24:00", "2027-01-01 16:00"),
        "26 December to 1 January: 7. A holiday; it would roll to Mon 4.",
        rolled="2027-01-04",
    ),
    Row(
        "year2027-24h",
        *("2026-12-31 18:00", "24 h", "2027-01-01 18:00", "2027-01-01 10:00"),
        "Elapsed time asks no calendar.",
    ),
)

REVISION_OF_2020 = (
    Row(
        "sf2020-3wd-as-first-announced",
        *("2020-01-22 10:00", "3 working days", "2020-02-01 24:00", "2020-02-01 16:00"),
        "Thu 23: 1; 24 to 30 January off; Fri 31: 2; Sat 1 February (make-up): 3.",
        calendar="china, November 2019",
    ),
    Row(
        "sf2020-3wd-as-extended",
        *("2020-01-22 10:00", "3 working days", "2020-02-04 24:00", "2020-02-04 16:00"),
        "Thu 23: 1; off until Sun 2 February; Mon 3: 2; Tue 4: 3.",
        calendar="china, January 2020",
    ),
    Row(
        "sf2020-1wd-friday-31-as-first-announced",
        *("2020-01-31 10:00", "1 working day", "2020-02-01 24:00", "2020-02-01 16:00"),
        "Sat 1 February was a make-up working day.",
        calendar="china, November 2019",
    ),
    Row(
        "sf2020-1wd-friday-31-as-extended",
        *("2020-01-31 10:00", "1 working day", "2020-02-03 24:00", "2020-02-03 16:00"),
        "Sat 1 and Sun 2 are off now; Mon 3 February works.",
        calendar="china, January 2020",
    ),
    Row(
        "sf2020-7cd-as-first-announced",
        *("2020-01-25 10:00", "7 calendar days", "2020-02-01 24:00", "2020-02-01 16:00"),
        "26 January to 1 February: 7. The Saturday was to be worked: nothing to roll.",
        calendar="china, November 2019",
    ),
    Row(
        "sf2020-7cd-as-extended",
        *("2020-01-25 10:00", "7 calendar days", "2020-02-01 24:00", "2020-02-01 16:00"),
        "The same day, which is off now and would roll to Mon 3 February.",
        rolled="2020-02-03",
        calendar="china, January 2020",
    ),
    Row(
        "sf2020-10wd-as-first-announced",
        *("2020-01-16 10:00", "10 working days", "2020-02-04 24:00", "2020-02-04 16:00"),
        "Fri 17: 1; Sun 19 (make-up): 2; 20 to 23: 6; Fri 31: 7; Sat 1 February: 8; 3, 4: 10.",
        calendar="china, November 2019",
    ),
    Row(
        "sf2020-10wd-as-extended",
        *("2020-01-16 10:00", "10 working days", "2020-02-06 24:00", "2020-02-06 16:00"),
        "Fri 17: 1; Sun 19 (make-up): 2; 20 to 23: 6; 3, 4, 5, 6 February: 10.",
        calendar="china, January 2020",
    ),
)

ROWS = (
    *SPRING_FESTIVAL_2026,
    *SPRING_FESTIVAL_2025,
    *SPRING_FESTIVAL_2024,
    *NATIONAL_DAY,
    *ORDINARY_DAYS,
    *YEAR_NOT_ANNOUNCED,
    *REVISION_OF_2020,
)
