"""Opening a chart: the only way of staff and caregivers to a patient."""
