"""Cases with their parties and exhibits, and the engagement of members with them.

Read ``case_details``, ``place``, ``case_commands`` and ``case_events``, of which ``case`` is made;
then ``exhibit``, ``party`` and ``engagement``, which have streams of their own.
"""
