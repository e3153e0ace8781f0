"""The API model of SageMaker Runtime as tables: operations, members, limits and errors.

An operation is data. The clients, the parameter report and the tests read these tables; the next
operation, or the next runtime API of the family, is one table more.
"""
