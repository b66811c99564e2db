"""The only code that talks to the outside: each service with its retries and its error words."""
