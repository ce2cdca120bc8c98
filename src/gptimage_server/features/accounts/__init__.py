"""Coming in: age and country, then email, then a mailed link, then the terms; and going out.

age  who is old enough, pure · gate  what passing or failing the age gate leaves behind
links  mailed links · accounts  finding and opening · sessions · routes, schemas, templates
"""
