/** Rows that the child lists in one transaction. */
export const CRASH_PAGE = 50
/** Rows that it sends in one transaction; two of them are less than a page, so that no batch is short. */
export const CRASH_BATCH = 20
