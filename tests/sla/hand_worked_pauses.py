"""Deadlines worked by hand: hours and seconds, and clocks that waited for the customer.

Of days those remain that remained at the pause, counted anew from the day of the resumption; the
day of the resumption itself does not count (domain.md 3).
"""

from tests.sla.hand_worked import Row

HOURS = (
    Row(
        "24h-over-a-weekend",
        *("2026-03-13 18:00", "24 h", "2026-03-14 18:00", "2026-03-14 10:00"),
        "Elapsed time runs on Saturdays too.",
    ),
    Row(
        "12h-across-midnight",
        *("2026-03-11 20:00", "12 h", "2026-03-12 08:00", "2026-03-12 00:00"),
        "4 hours until midnight and 8 after it.",
    ),
    Row(
        "8h-inside-spring-festival",
        *("2026-02-17 22:30", "8 h", "2026-02-18 06:30", "2026-02-17 22:30"),
        "1.5 hours until midnight and 6.5 after it; the holiday changes nothing.",
    ),
    Row(
        "4h-into-national-day",
        *("2026-09-30 21:00", "4 h", "2026-10-01 01:00", "2026-09-30 17:00"),
        "3 hours until midnight and 1 hour of the holiday.",
    ),
    Row(
        "30min-across-midnight",
        *("2026-02-14 23:45", "30 min", "2026-02-15 00:15", "2026-02-14 16:15"),
        "15 minutes of the make-up Saturday and 15 of the first day off.",
    ),
    Row(
        "30s-across-the-year",
        *("2026-12-31 23:59:45", "30 s", "2027-01-01 00:00:15", "2026-12-31 16:00:15"),
        "15 seconds in each year; elapsed time is never provisional.",
    ),
    Row(
        "60s-to-midnight",
        *("2026-03-11 23:59:00", "60 s", "2026-03-12 00:00:00", "2026-03-11 16:00"),
        "Exactly to midnight.",
    ),
)

ELAPSED_WITH_PAUSES = (
    Row(
        "8h-one-pause",
        *("2026-03-09 10:00", "8 h", "2026-03-09 21:30", "2026-03-09 13:30"),
        "Due at 18:00; it stood still for 3.5 hours.",
        pauses=(("2026-03-09 12:00", "2026-03-09 15:30"),),
    ),
    Row(
        "4h-two-pauses",
        *("2026-03-09 09:00", "4 h", "2026-03-09 14:50", "2026-03-09 06:50"),
        "Due at 13:00; 20 minutes and 90 minutes of waiting make 14:50.",
        pauses=(
            ("2026-03-09 10:00", "2026-03-09 10:20"),
            ("2026-03-09 11:00", "2026-03-09 12:30"),
        ),
    ),
    Row(
        "4h-second-pause-after-the-first-deadline",
        *("2026-03-09 09:00", "4 h", "2026-03-09 16:00", "2026-03-09 08:00"),
        "Due at 13:00; two hours of waiting make 15:00, so that a pause at 14:00 still counts its "
        "hour: 16:00.",
        pauses=(
            ("2026-03-09 10:00", "2026-03-09 12:00"),
            ("2026-03-09 14:00", "2026-03-09 15:00"),
        ),
    ),
    Row(
        "4h-paused-over-spring-festival",
        *("2026-02-14 17:00", "4 h", "2026-02-24 12:00", "2026-02-24 04:00"),
        "One hour was used at 18:00; three remain at 09:00 of Tue 24.",
        pauses=(("2026-02-14 18:00", "2026-02-24 09:00"),),
    ),
    Row(
        "30min-paused-in-the-last-half-minute",
        *("2026-03-09 10:00", "30 min", "2026-03-09 11:00:30", "2026-03-09 03:00:30"),
        "30 seconds remained at the pause and remain at 11:00.",
        pauses=(("2026-03-09 10:29:30", "2026-03-09 11:00"),),
    ),
    Row(
        "12h-paused-across-midnight",
        *("2026-03-09 20:00", "12 h", "2026-03-10 12:00", "2026-03-10 04:00"),
        "Due at 08:00; four hours of waiting make 12:00.",
        pauses=(("2026-03-09 22:00", "2026-03-10 02:00"),),
    ),
)

WORKING_DAYS_WITH_PAUSES = (
    Row(
        "3wd-paused-before-resumed-after-spring-festival",
        *("2026-02-10 10:00", "3 working days", "2026-02-26 24:00", "2026-02-26 16:00"),
        "Wed 11: 1, and the pause; two remain (12, 13). Resumed on Tue 24: Wed 25: 2, Thu 26: 3.",
        pauses=(("2026-02-11 15:00", "2026-02-24 09:00"),),
    ),
    Row(
        "3wd-resumed-on-a-day-off",
        *("2026-02-10 10:00", "3 working days", "2026-02-25 24:00", "2026-02-25 16:00"),
        "Two remain at the pause. Resumed on Fri 20, a day off: Tue 24: 2, Wed 25: 3.",
        pauses=(("2026-02-11 15:00", "2026-02-20 12:00"),),
    ),
    Row(
        "3wd-resumed-on-the-same-day",
        *("2026-02-10 10:00", "3 working days", "2026-02-13 24:00", "2026-02-13 16:00"),
        "Paused and resumed on Wed 11, from midnight to the last second: 11, 12, 13: 3.",
        pauses=(("2026-02-11 00:00:00", "2026-02-11 23:59:59"),),
    ),
    Row(
        "3wd-none-remaining-resumed-on-make-up-saturday",
        *("2026-02-10 10:00", "3 working days", "2026-02-14 24:00", "2026-02-14 16:00"),
        "Paused on the last day, Fri 13: none remains. Sat 14, the day of the resumption, is "
        "worked: its end.",
        pauses=(("2026-02-13 17:00", "2026-02-14 11:00"),),
    ),
    Row(
        "3wd-none-remaining-resumed-on-a-day-off",
        *("2026-02-10 10:00", "3 working days", "2026-02-24 24:00", "2026-02-24 16:00"),
        "None remains on Fri 13; resumed on Wed 18, a day off: the end of the next working day, "
        "Tue 24.",
        pauses=(("2026-02-13 17:00", "2026-02-18 11:00"),),
    ),
    Row(
        "3wd-none-remaining-resumed-on-a-working-day",
        *("2026-02-10 10:00", "3 working days", "2026-02-25 24:00", "2026-02-25 16:00"),
        "None remains on Fri 13; resumed on Wed 25, a working day: its end.",
        pauses=(("2026-02-13 17:00", "2026-02-25 11:00"),),
    ),
    Row(
        "10wd-two-pauses",
        *("2026-03-09 10:00", "10 working days", "2026-04-02 24:00", "2026-04-02 16:00"),
        "10, 11: 2; paused on 11, resumed on Mon 16; 17, 18, 19, 20: 6; paused on 20, resumed on "
        "Sat 28; 30, 31 March, 1, 2 April: 10.",
        pauses=(
            ("2026-03-11 12:00", "2026-03-16 10:00"),
            ("2026-03-20 10:00", "2026-03-28 10:00"),
        ),
    ),
    Row(
        "3wd-paused-again-on-the-day-of-the-resumption",
        *("2026-03-10 10:00", "3 working days", "2026-03-17 24:00", "2026-03-17 16:00"),
        "Wed 11: 1; two remain. Resumed on Thu 12 and paused again: two remain. Resumed on Fri "
        "13: Mon 16: 2, Tue 17: 3.",
        pauses=(
            ("2026-03-11 09:00", "2026-03-12 10:00"),
            ("2026-03-12 14:00", "2026-03-13 09:00"),
        ),
    ),
    Row(
        "3wd-paused-on-the-day-of-the-start",
        *("2026-03-09 09:00", "3 working days", "2026-03-13 24:00", "2026-03-13 16:00"),
        "All three remain. Resumed on Tue 10: 11, 12, 13: 3.",
        pauses=(("2026-03-09 09:30", "2026-03-10 09:00"),),
    ),
    Row(
        "3wd-paused-within-a-weekend",
        *("2026-03-13 09:00", "3 working days", "2026-03-18 24:00", "2026-03-18 16:00"),
        "Paused on Saturday, resumed on Sunday: all three remain: 16, 17, 18.",
        pauses=(("2026-03-14 10:00", "2026-03-15 10:00"),),
    ),
    Row(
        "3wd-paused-on-make-up-saturday",
        *("2026-02-12 09:00", "3 working days", "2026-02-24 24:00", "2026-02-24 16:00"),
        "Fri 13: 1, Sat 14 (make-up): 2, one remains. Resumed on Sun 15, off: Tue 24: 3.",
        pauses=(("2026-02-14 12:00", "2026-02-15 12:00"),),
    ),
    Row(
        "3wd-paused-inside-the-holiday",
        *("2026-02-13 09:00", "3 working days", "2026-02-28 24:00", "2026-02-28 16:00"),
        "Sat 14: 1; paused on Mon 16, two remain; resumed on Thu 26: Fri 27: 2, Sat 28 (make-up): "
        "3.",
        pauses=(("2026-02-16 12:00", "2026-02-26 12:00"),),
    ),
    Row(
        "3wd-one-second-across-midnight",
        *("2026-03-10 09:00", "3 working days", "2026-03-16 24:00", "2026-03-16 16:00"),
        "Wed 11: 1, two remain at its last second; resumed on Thu 12, which therefore does not "
        "count: Fri 13: 2, Mon 16: 3.",
        pauses=(("2026-03-11 23:59:59", "2026-03-12 00:00:00"),),
    ),
    Row(
        "3wd-pause-that-a-holiday-swallows",
        *("2026-09-29 09:00", "3 working days", "2026-10-09 24:00", "2026-10-09 16:00"),
        "Wed 30: 1; paused on 2 October and resumed on 6 October, all days off: Thu 8: 2, Fri 9: "
        "3.",
        pauses=(("2026-10-02 09:00", "2026-10-06 09:00"),),
    ),
    Row(
        "3wd-none-remaining-twice",
        *("2026-03-09 09:00", "3 working days", "2026-03-18 24:00", "2026-03-18 16:00"),
        "10, 11, 12: 3; paused on Thu 12, none remains; resumed on Mon 16, whose end is the "
        "deadline; paused again that day, resumed on Wed 18: its end.",
        pauses=(
            ("2026-03-12 10:00", "2026-03-16 10:00"),
            ("2026-03-16 15:00", "2026-03-18 10:00"),
        ),
    ),
    Row(
        "3wd-pause-carries-into-2027",
        *("2026-12-28 10:00", "3 working days", "2027-01-05 24:00", "2027-01-05 16:00"),
        "29, 30: 2; paused on Wed 30, one remains; resumed on Mon 4 January: Tue 5: 3. Without "
        "the pause it ended on 31 December and asked nothing of 2027.",
        provisional=True,
        pauses=(("2026-12-30 10:00", "2027-01-04 10:00"),),
    ),
)

CALENDAR_DAYS_WITH_PAUSES = (
    Row(
        "10cd-one-pause",
        *("2026-03-02 09:00", "10 calendar days", "2026-03-16 24:00", "2026-03-16 16:00"),
        "3, 4, 5: 3; seven remain. Resumed on Mon 9: 10 to 16 March: 10.",
        pauses=(("2026-03-05 12:00", "2026-03-09 12:00"),),
    ),
    Row(
        "10cd-resumed-on-the-same-day",
        *("2026-03-02 09:00", "10 calendar days", "2026-03-12 24:00", "2026-03-12 16:00"),
        "3 to 12 March: 10; eleven hours of waiting on the 5th change nothing.",
        pauses=(("2026-03-05 09:00", "2026-03-05 20:00"),),
    ),
    Row(
        "10cd-none-remaining-resumed-on-saturday",
        *("2026-03-02 09:00", "10 calendar days", "2026-03-14 24:00", "2026-03-14 16:00"),
        "Paused on the last day, the 12th; resumed on Sat 14, whose end it is: calendar days do "
        "not ask whether a day is worked. Rolled: Mon 16.",
        rolled="2026-03-16",
        pauses=(("2026-03-12 12:00", "2026-03-14 12:00"),),
    ),
    Row(
        "10cd-paused-into-spring-festival",
        *("2026-02-10 09:00", "10 calendar days", "2026-02-24 24:00", "2026-02-24 16:00"),
        "11, 12: 2; eight remain. Resumed on Mon 16: 17 to 24 February: 10.",
        pauses=(("2026-02-12 12:00", "2026-02-16 12:00"),),
    ),
    Row(
        "10cd-two-pauses",
        *("2026-03-01 09:00", "10 calendar days", "2026-03-24 24:00", "2026-03-24 16:00"),
        "2, 3: 2; resumed on the 6th; 7, 8, 9, 10: 6; resumed on the 20th; 21, 22, 23, 24: 10.",
        pauses=(
            ("2026-03-03 09:00", "2026-03-06 09:00"),
            ("2026-03-10 09:00", "2026-03-20 09:00"),
        ),
    ),
)

ROWS = (
    *HOURS,
    *ELAPSED_WITH_PAUSES,
    *WORKING_DAYS_WITH_PAUSES,
    *CALENDAR_DAYS_WITH_PAUSES,
)
