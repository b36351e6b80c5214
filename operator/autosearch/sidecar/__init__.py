"""What runs beside a trial: copies code and SDK in, takes reports, keeps the accepted one; standard library only."""
