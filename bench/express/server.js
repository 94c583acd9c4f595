// The normal approach: one table, no events; Express and pg with their defaults, as their guides
// show them. PORT and PGHOST etc. come from the environment.
const express = require("express");
const { Pool } = require("pg");

const UNIQUE_VIOLATION = "23505";

const pool = new Pool();
const app = express();
app.use(express.json());

app.post("/users", async (request, response) => {
  const { username, fullName } = request.body;
  if (typeof username !== "string" || typeof fullName !== "string") {
    return response.status(422).json({ title: "username and fullName are text" });
  }
  try {
    await pool.query('INSERT INTO "user" (username, full_name) VALUES ($1, $2)', [
      username,
      fullName,
    ]);
  } catch (error) {
    if (error.code === UNIQUE_VIOLATION) {
      return response.status(409).json({ title: "the user exists" });
    }
    throw error;
  }
  return response.status(201).json({ username });
});

app.get("/users/:username", async (request, response) => {
  const { rows } = await pool.query(
    'SELECT id, username, created_at, full_name FROM "user" WHERE username = $1',
    [request.params.username],
  );
  if (rows.length === 0) {
    return response.status(404).json({ title: "no such user" });
  }
  const [user] = rows;
  return response.json({
    id: user.id,
    username: user.username,
    createdAt: user.created_at,
    fullName: user.full_name,
  });
});

app.listen(Number(process.env.PORT), "127.0.0.1");
