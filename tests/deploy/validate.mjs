// validate.mjs FILE...: holds every Kubernetes object of these files against the schema of its kind. Prints one line for each, and
// every way in which one does not fit; ends with 1 then. validate.mjs --json FILE...: prints the objects instead, one a line.
import fs from 'node:fs';
import yaml from 'yaml';

const words = process.argv.slice(2);
const print = words[0] === '--json' && words.shift();
let bad = 0;
for (const file of words) {
    for (const document of yaml.parseAllDocuments(fs.readFileSync(file, 'utf8'), { merge: true, uniqueKeys: true })) {
        const object = document.toJS();
        if (print) {
            console.log(JSON.stringify(object));
            continue;
        }
        const what = `${file}: ${object.kind} ${object.metadata && object.metadata.name}`;
        try {
            if (document.errors.length)
                throw document.errors[0];
            const models = await import(`kubernetes-models/${object.apiVersion}/${object.kind}`);
            new models[object.kind](object).validate();
            console.log(`ok   ${what}`);
        } catch (error) {
            bad++;
            console.log(`BAD  ${what}: ${error.message}`);
        }
    }
}
process.exit(bad ? 1 : 0);
