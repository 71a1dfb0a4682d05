import { suite } from '@athena-budget-examples/testing';
import { Phone } from '@athena-budget-examples/replicache';

suite('Replicache', Phone);
