"""Who is asked, who may decide, and what a decision amounts to."""
