// Prints the platforms of a release as a matrix of GitHub Actions.
import { matrix } from "./platform.mjs";

console.log(JSON.stringify(matrix()));
