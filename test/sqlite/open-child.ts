/** Opens a database and prints `opened`, or the kind of the error. The key is a test's own. */
import { isKind } from '../../src/core/errors.ts'
import { openDatabase } from '../../src/sqlite/open-database.ts'

const [path = '', key = ''] = process.argv.slice(2)
try {
  openDatabase(path, Buffer.from(key, 'hex'), { migrations: ['CREATE TABLE note (text TEXT)'] }).close()
  console.log('opened')
} catch (error) {
  console.log(isKind(error) ? error.kind : 'unknown')
}
